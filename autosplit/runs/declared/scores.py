"""Options of ``autosplit quantize`` and ``autosplit collect``: how plans are scored and picked."""

from __future__ import annotations

from dataclasses import dataclass

from autosplit.runs import kinds
from autosplit.runs.declared.choices import EFFORT_NAMES, ESCALATION_NAMES, ROUNDING_NAMES
from autosplit.runs.declared.shared import images_option, jobs_option
from autosplit.runs.option import check_values, option

_SCORES = "autosplit.escalation.confidence_scores"


def _confidence() -> float | None:
    return option(
        None,
        kinds.number("P", 0.5, 0.9999),
        "limits",
        "Probability, such as 0.95, with which the pick must be shown to lose at most --max-drop "
        "points. The test accounts for all plans that fit the memory.",
        none="the drop on the evaluation images decides",
    )


@dataclass(frozen=True, slots=True)
class QuantizeOptions:
    """What ``autosplit quantize`` measures.

    Raises:
        OptionError: An option cannot have its value.
    """

    plans: str = option(
        "pareto",
        kinds.text("NAME,NAME,..."),
        "evaluation",
        "Plans to evaluate: pareto (the Pareto front and the baselines), all, or names.",
    )
    images: int | None = images_option()
    jobs: int = jobs_option()
    effort: str = option(
        "good",
        kinds.choice(*EFFORT_NAMES),
        "quantizer",
        "How much work to spend on rounding the weights and correcting the biases of a plan before "
        "the plan is evaluated.",
        first=True,
    )
    rounding: str = option(
        "auto",
        kinds.choice(*ROUNDING_NAMES),
        "quantizer",
        "How to round the weights. nearest: to the nearest integer; moment: by second moments "
        "(GPTQ); learned: AdaRound; auto: as --effort says. autosplit run also assumes this "
        "rounding when it measures distortion.",
    )
    bias: str = option(
        "auto",
        kinds.three_way(),
        "quantizer",
        "Whether to correct biases. auto: on, except with --effort none.",
    )
    joint_clips: str = option(
        "auto",
        kinds.three_way(),
        "quantizer",
        "Whether to move the clipping ranges of all activations together (LAPQ). auto: on with "
        "--clipping lapq, else off.",
    )
    max_drop: float | None = option(
        None,
        kinds.number("POINTS"),
        "limits",
        "Largest accuracy drop of the pick, points. autosplit then evaluates no more plans and "
        "images than the pick of each link needs.",
        none="every plan is evaluated on all images",
    )
    each_method: bool = option(
        False,
        kinds.switch(),
        "evaluation",
        "With --max-drop: look for the fastest plan within the limit of every method, not of all "
        "methods together.",
    )
    confidence: float | None = _confidence()
    escalation: str | None = option(
        None,
        kinds.choice(*ESCALATION_NAMES, registry=f"{_SCORES}:CONFIDENCE_SCORES"),
        "evaluation",
        "Confidence score of escalations: a plan that is all on the edge answers if its score "
        "reaches a threshold, else tensors of a cut or a JPEG file go to the cloud. auto: margin "
        "for classes, lowest-box for boxes.",
        none="no escalations",
    )
    escalation_risk: float = option(
        2.0,
        kinds.number("PERCENT", 0.01, 50),
        "limits",
        "Largest share of the images, percent, that the edge may answer otherwise than the float "
        "network in an escalation. The threshold is shown to keep it with the probability of "
        "--confidence, 0.95 if that is not given.",
    )
    escalation_images: int | None = option(
        None,
        kinds.count(1),
        "evaluation",
        "Evaluation images that choose the thresholds of escalations; their labels are not read, "
        "and escalations are judged on the others.",
        none="half of the images, 2,000 at most",
    )
    finished: bool = option(
        False,
        kinds.flag(),
        "evaluation",
        "Evaluate the finished plans in quantized/ as they are, for example after another machine "
        "finished them. The option holds for this call only.",
    )

    def __post_init__(self) -> None:
        check_values(self)


@dataclass(frozen=True, slots=True)
class CollectOptions:
    """How ``autosplit collect`` picks.

    Raises:
        OptionError: An option cannot have its value.
    """

    max_drop: float | None = option(
        1.0,
        kinds.number("POINTS"),
        "limits",
        "Largest accuracy drop of the pick, points; a negative number asks for a gain.",
        none="any accuracy",
        first=True,
    )
    confidence: float | None = _confidence()
    link: str | None = option(
        None,
        kinds.text("LINK"),
        "evaluation",
        "Link whose pick alone is printed. Commands such as autosplit emit then take this pick.",
        none="all links are printed; 3mbps is taken if the run has it, else the first",
        flag="--show",
    )
    page: bool = option(
        True,
        kinds.switch(),
        "evaluation",
        "Whether to write report.html as well, the page that autosplit report writes.",
    )

    def __post_init__(self) -> None:
        check_values(self)
