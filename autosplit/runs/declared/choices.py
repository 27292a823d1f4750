"""Names among which an option chooses.

They are the names of registries whose modules are slow to import; a test compares them.
"""

METHOD_NAMES = (
    "autosplit",
    "all-edge",
    "autosplit2021",
    "neurosurgeon",
    "dads",
    "qdmp",
    "uniform2",
    "uniform3",
    "uniform4",
    "uniform6",
    "uniform8",
    "cloud16",
    "cloud8",
    "cloud-jpeg",
    "edge-float",
    "random",
)
"""Methods that make plans: ``search.methods.METHODS``."""
USUAL_METHODS = ("autosplit", "uniform2", "uniform4", "uniform6", "uniform8", "cloud16")
"""Methods that make plans unless told otherwise: ours, and the two ways not to split."""
ALL_METHODS = "all"
"""Stands for every method."""
USUAL_WIDTHS = (2, 3, 4, 5, 6, 8)
"""Widths that may be used unless told otherwise: ``grid.grid.DEFAULT_WIDTHS``."""
USUAL_QUALITIES = (50, 60, 70, 75, 80, 85, 90, 95)
"""JPEG qualities that are measured unless told otherwise."""
CLIPPING_NAMES = ("mse", "minmax", "average", "percentile", "laplace", "gauss", "norm", "lapq")
"""Rules of clipping: ``grid.clipping.CLIPPING``."""
METRIC_NAMES = ("output", "fisher", "mse")
"""Metrics of distortion: ``distortion.metrics.METRICS``."""
EFFORT_NAMES = ("none", "fast", "good", "best")
"""How much work finishing a plan may take: ``finish.effort.EFFORTS``."""
ROUNDING_NAMES = ("auto", "nearest", "moment", "learned")
"""How a weight's integers are chosen; ``auto`` is as the effort has it."""
ESCALATION_NAMES = ("auto", "margin", "entropy", "lowest-box", "mean-box")
"""Confidence scores of escalations: ``auto``, and ``confidence_scores.CONFIDENCE_SCORES``."""
TASK_NAMES = (
    "classification",
    "binary",
    "multi-label",
    "regression",
    "segmentation",
    "embedding",
    "sequence-labelling",
    "language-modelling",
    "detection",
)
"""Tasks that can be asked for: ``evaluate.task.ASKED_TASKS``."""
INTERPOLATION_NAMES = ("nearest", "bilinear", "bicubic", "lanczos")
"""Ways to resize a picture: ``data.asked_preprocess.INTERPOLATIONS``."""
CHANNEL_NAMES = ("gray", "rgb", "bgr")
"""Orders of channels: ``data.asked_preprocess.CHANNELS``."""
PREPROCESS_NAMES = ("darknet", "alexeyab", "ultralytics", "yolox")
"""How a whole picture becomes the input of a detector: ``data.preprocess.STYLES``."""
DECODE_NAMES = ("darknet", "scaled", "yolov5", "yolov8", "yolox")
"""How outputs are read as boxes: ``models.asked_heads.DECODINGS``."""
CUT_NAMES = ("prefixes", "useful")
"""Cuts that a plan within a limit may take."""
CODING_NAMES = ("none", "packed", "entropy")
"""Codings of the tensors that cross: ``stats.stats.Stats.sent``."""
FORMAT_NAMES = ("native", "distiller")
"""Formats in which a plan is printed: ``runs.plans.emit_plan``."""
BACKEND_NAMES = ("joblib", "dask")
"""Where the searches of a sweep run: ``sweep.backends.BACKENDS``."""
SCORE_NAMES_OF_UNITS = ("distortion", "taylor", "l1", "bn-gamma", "fpgm")
"""Scores of channels: ``compress.scores.registry.UNIT_SCORES``."""
PRUNING_NAMES = ("greedy", "normal", "shortcut", "slim", "regular", "layer", "layer-channel")
"""How channels are chosen: ``greedy``, and ``compress.named_prunings.NAMED``."""
QUANTIZER_NAMES = ("lsq", "pact", "pot", "iao", "dorefa")
"""How steps are trained: ``compress.quantizers.registry.QUANTIZERS``."""
AUGMENTATION_NAMES = ("flip", "colour", "mosaic")
"""Random changes of training pictures: ``compress.augment.CHANGES``."""
BOX_LOSS_NAMES = ("ciou", "squared")
"""Losses of boxes: ``compress.yolo_loss.BOX_LOSSES``."""
DISTILLATION_NAMES = (
    *("1", "2", "3", "4", "5"),
    *("logits", "classes", "bounded", "direct", "features", "near-objects"),
)
"""What a detector is taught: ``compress.distillation.STRATEGIES`` and ``TAUGHT_PARTS``."""
OPTIMIZER_NAMES = ("sgd", "adamw")
"""Optimizers of a training: ``compress.fit.OPTIMIZERS``."""
SCHEDULE_NAMES = ("cosine", "exponential", "step", "constant")
"""How a learning rate changes: ``compress.fit.SCHEDULES``."""
