"""Imports point down: which module may know which, and that the search needs no torch."""

import ast
import configparser
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "autosplit"
ORDER = {
    # package -> its modules, low to high; a module imports only from what stands before it
    "errors": "",
    "plainfile": "",
    "callable_package": "",
    "files": "",
    "progress": "",
    "graph": "integers layer graph graphfile memory bit_counts",
    "halves.wire": "pack jpeg symbols entropy layout message",  # here, for plan files
    "grid": "grid histogram clipping",
    "hardware": (
        "checks shipped tablefile device link coding_seconds fitted fit operations roofline "
        "systolic table traffic energy seconds prediction"
    ),
    "stats": "coding stats statsfile",
    "plan": "plan int8_weights checks grids codes formats wire_layout planfile distiller pins",
    "search": (
        "arrays tolerance pareto problem cost knapsack.relaxation knapsack.dynamic_programming "
        "knapsack.prefixes knapsack.allocate widths.bucket_elimination widths.weights "
        "widths.edge_seconds widths.division widths.pool cuts.mincut cuts.ideals "
        "questions.milp questions.highs questions.energy "
        "front.lagrangian front.enumerate front.boxes front.prove "
        "front.front questions.limits questions.orders questions.question questions.cutting_planes "
        "questions.questions baselines.plain baselines.literature baselines.original "
        "autosplit pins methods limits thin joint"
    ),
    "capture": (
        "output_names operators constants recurrent refusals masks batchnorm im2col "
        "inputs batch_axis infinities lookups integers export precision program trainable "
        "equalize check mixing replay rewrites flat groups layers capture"
    ),
    "data": (
        "bundled image_folder photo_file dirty coco_categories coco label_lines darknet_lists "
        "yolo_yaml voc annotated image_range bilinear picture_input preprocess asked_preprocess "
        "data_card anchors "
        "python_file images inputs idx photos crops python_batches batch_ends datasets"
    ),
    "models": (
        "checkpoint networks.darknet_family networks.darknet_options networks.darknet_section "
        "networks.darknet_values "
        "networks.darknet_cfg "
        "networks.darknet_activations networks.darknet_shape networks.darknet_shortcut "
        "networks.darknet_gates networks.darknet_reorg networks.darknet_dense "
        "networks.darknet_layers networks.fashion_resnet networks.yolo_heads "
        "networks.yolo_boxes networks.free_boxes networks.suppression "
        "networks.yolo_decode networks.darknet_heads networks.darknet "
        "networks.darknet_weights forms asked_model asked_heads sidecar program_text "
        "program_archive program_file "
        "python_network torchvision torchvision_dense timm_network transformers_network detectors "
        "second_stage torchvision_detector "
        "bundled load"
    ),
    "quantize": (
        "affine straight_through unit_scale row_grids second_moment gptq coordinate_descent "
        "moment_rounding weight_grids"
    ),
    "distortion": (
        "divergence logits tiles ranges spreads measure coded finished_share "
        "quantization_errors fisher replayed output metrics jpeg"
    ),
    "halves": "partition integer_kernels lowering quantized crossing deployed recoded",
    "finish": (
        "adaround effort lapq qep bias_correction layer_rounding side_by_side layerwise finish"
    ),
    "evaluate": (
        "paired noninferiority early_stop task scorefile average_precision box_measures record "
        "judge clear_task tasks.samples tasks.binary "
        "tasks.regression tasks.segmentation tasks.embedding tasks.tokens tasks.own_score "
        "tasks.classification tasks.detection tasks.several tasks.tasks ledger outputs batches "
        "looks probe choice chance trials"
    ),
    "escalation": ("threshold costs escalation cuts confidence_scores agreement merged trial"),
    "report": (
        "aligned candidate confidence choice cells pick tables summary_rows points labels figure "
        "box_figure page.pictures page.view "
        "page.cuts page.panels page.network page.words page.page"
    ),
    "runs": (
        "kinds option declared.choices declared.shared declared.stats declared.search "
        "declared.compress declared.prune declared.scores declared.folder declared.boxes "
        "declared.bundle "
        "declared.report declared.check declared.profile declared.sweep "
        "options named stamps reads hashes lock trust hardware needs finishing "
        "folder finished network inputs escalated summary measuring planning scoring "
        "escalating plans variants stages.frame "
        "stages.stats stages.search stages.latency stages.quantize viewing stages.collect "
        "stages.run checks.checkfile checks.judge checks.outcome"
    ),
    "api": "keywords net data measurement problem scores front evaluation run",
    "compress": (
        "units live walk layer_rules movement_rules channel_groups slicing gates cost_of_channels "
        "scores.scores scores.magnitude scores.slimming scores.geometric_median scores.taylor "
        "scores.answer_change scores.registry choose_units refit training_set fit residual_blocks "
        "named_prunings prune joint_costs accuracy "
        "checkpoint_files variant darknet_variant run_prune "
        "quantizers.lsq quantizers.pact quantizers.pot quantizers.iao quantizers.dorefa "
        "quantizers.registry quantized_run tune training_data run_tune augment yolo_loss "
        "distillation losses random_weights not_finite training_now sparse train "
        "run_train run_finetune run_joint"
    ),
    "deploy": (
        "extras bundle_names tensor_bytes coded_inputs escalation_rule manifest_types manifest "
        "oip sessions onnx_unpack quantize_operators onnx_export operator_layers clamp_windows "
        "edge_module edge_onnx cloud_onnx pt2 mobile_forms c_header triton serving_files "
        "bundle_bytes device_archive bundle_readme bundle check run batcher server_metrics "
        "status_page repository credentials slow_requests link_probe http_server grpc_server "
        "server pictures sources connection ahead client link_estimate adaptive audit escalate "
        "infer device measure_models link_profile node_seconds node_layers crossing_seconds power "
        "profile kit_blocks kit_networks kit"
    ),
    "sweep": "file job measured backends figure run table page",
    "detect": "drawing matching sources container_size video step_seconds detector run",
    "cli": (
        "talk usage help options stages anchors check detect emit export infer serve profile "
        "profiles prune report sweep train tune app"
    ),
    "pytest_plugin": "",
}
TORCH = (
    "capture models quantize distortion finish evaluate escalation compress detect deploy"
).split()
"""Packages that need torch; of ``halves`` the wire, and what is named below, need none."""
MODULES = [
    f"{package}.{name}" if name else package
    for package, names in ORDER.items()
    for name in (names.split() or [""])
]
RANK = {name: rank for rank, name in enumerate(MODULES)}
FILES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in ROOT.rglob("[!_]*.py")
}
TORCH_FREE = [
    *(
        "evaluate.task",
        "evaluate.scorefile",
        "evaluate.early_stop",
        "evaluate.paired",
        "finish.effort",
    ),
    *("escalation.threshold", "escalation.costs", "escalation.escalation", "escalation.cuts"),
    "escalation.confidence_scores",
    "distortion.logits",
    *("data.bundled", "data.coco", "data.darknet_lists", "data.image_folder"),
    *("data.dirty", "data.coco_categories", "data.label_lines"),
    *("data.yolo_yaml", "data.voc", "data.annotated", "data.data_card", "data.anchors"),
    *(
        "data.image_range",
        "data.bilinear",
        "data.picture_input",
        "data.photo_file",
        "models.networks.darknet_section",
        "models.networks.darknet_family",
        "models.networks.darknet_values",
        "models.networks.darknet_cfg",
    ),
    *("models.networks.darknet_options", "models.networks.yolo_heads"),
    *("models.forms", "models.program_text", "models.program_archive"),
    *(
        "deploy.extras",
        "deploy.manifest",
        "deploy.manifest_types",
        "deploy.oip",
        "deploy.tensor_bytes",
        "deploy.coded_inputs",
        "deploy.sessions",
        "deploy.server_metrics",
        "deploy.status_page",
        "deploy.repository",
    ),
    *(
        "deploy.http_server",
        "deploy.credentials",
        "deploy.server",
        "deploy.client",
        "deploy.ahead",
        "deploy.connection",
        "deploy.link_estimate",
        "deploy.link_probe",
        "deploy.link_profile",
        "deploy.measure_models",
        "deploy.adaptive",
        "deploy.escalation_rule",
        "deploy.audit",
        "deploy.escalate",
        "deploy.infer",
        "deploy.device",
    ),
]
WITHOUT_TORCH = [
    name
    for name in MODULES
    if name.split(".")[0] not in (*TORCH, "data", "halves") or name.startswith("halves.wire")
] + TORCH_FREE


def imports(path):
    """Modules of the package that a file imports, inside functions too."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            whole = [f"{module}.{alias.name}" for alias in node.names]
            names = [name if name.removeprefix("autosplit.") in FILES else module for name in whole]
        else:
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        for name in names:
            if name.startswith(("autosplit.", ".")) and name != "autosplit.__version__":
                yield name.removeprefix("autosplit.")


def test_every_module_has_a_place():
    assert set(FILES) == set(MODULES)


def test_setup_cfg_lists_every_package():
    setup = configparser.ConfigParser()
    setup.read(ROOT.parent / "setup.cfg")
    folders = {path.parent.relative_to(ROOT.parent) for path in ROOT.rglob("*.py")}

    listed = set(setup["options"]["packages"].split())

    assert listed == {".".join(folder.parts) for folder in folders} | {
        "autosplit.bundled",
        "autosplit.hw_profiles",
    }


@pytest.mark.parametrize("page", ["autosplit/__init__.py", "docs/explanation/design.md"])
def test_tables_of_packages_have_their_order(page):
    text = (ROOT.parent / page).read_text()
    rows = re.findall(r"^\| (`.*`) \|", text.partition("| package |")[2], re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`+(?:autosplit\.)?([\w.]+)`+", row)]

    assert named == [package for package, modules in ORDER.items() if modules]


@pytest.mark.parametrize("name", sorted(FILES))
def test_imports_point_down(name):
    above = [found for found in imports(FILES[name]) if RANK.get(found, 999) >= RANK.get(name, 0)]
    assert above == []


def test_the_search_and_the_command_line_start_without_torch():
    modules = ", ".join(f"autosplit.{name}" for name in WITHOUT_TORCH)
    code = (
        f"import sys, {modules}; print([m for m in ('torch', 'torchvision') if m in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
