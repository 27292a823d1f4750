"""Networks defined here, whose trained weights ship with the package."""
