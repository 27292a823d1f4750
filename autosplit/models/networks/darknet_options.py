"""Which sections and options a Darknet file may have: tables, without torch.

The options are those of AlexeyAB's and pjreddie's Darknet; ``depthwise`` and ``se`` are sections of
SpursLipu's YOLOv3v4-ModelCompression.
"""

from __future__ import annotations

SHORT = {
    "network": "net",
    "conv": "convolutional",
    "max": "maxpool",
    "avg": "avgpool",
    "soft": "softmax",
    "conn": "connected",
    "gaussian_yolo": "Gaussian_yolo",
}
"""Another name of a section -> its name here."""
HEADS = ("yolo", "region", "Gaussian_yolo", "detection")
"""Sections that say how boxes are read from the output of the layer before."""
_YOLO = "mask anchors classes num scale_x_y new_coords nms_kind beta_nms"
SECTION_OPTIONS: dict[str, frozenset[str]] = {
    "net": frozenset("width height channels letter_box".split()),
    "convolutional": frozenset(
        "batch_normalize filters size stride stride_x stride_y pad padding groups activation "
        "dilation".split()
    ),
    "depthwise": frozenset("batch_normalize filters size stride pad padding activation".split()),
    "connected": frozenset("output activation batch_normalize".split()),
    "local": frozenset("filters size stride pad activation".split()),
    "batchnorm": frozenset(),
    "maxpool": frozenset("size stride stride_x stride_y padding".split()),
    "avgpool": frozenset(),
    "upsample": frozenset(["stride", "scale"]),
    "route": frozenset("layers groups group_id".split()),
    "reorg": frozenset(["stride"]),
    "reorg3d": frozenset(["stride"]),
    "shortcut": frozenset("from activation weights_type weights_normalization".split()),
    "scale_channels": frozenset("from activation scale_wh".split()),
    "sam": frozenset("from activation".split()),
    "se": frozenset("filters reduction".split()),
    "crop": frozenset("crop_height crop_width noadjust".split()),
    "yolo": frozenset(_YOLO.split()),
    "Gaussian_yolo": frozenset(_YOLO.split()) - {"new_coords"} | {"yolo_point"},
    "region": frozenset("anchors classes coords num softmax background".split()),
    "detection": frozenset("classes coords side num softmax sqrt".split()),
    "dropout": frozenset(["probability"]),
    "softmax": frozenset("groups temperature".split()),
    "cost": frozenset(),
}
"""Section -> the options that decide what it computes."""
LISTS = frozenset(["anchors", "mask", "layers", "from"])
"""Options that are lists of numbers."""
REFUSED = {
    "crnn": "it keeps a state from picture to picture",
    "rnn": "it keeps a state from picture to picture",
    "gru": "it keeps a state from picture to picture",
    "lstm": "it keeps a state from picture to picture",
    "conv_lstm": "it keeps a state from picture to picture",
    "history": "it keeps a state from picture to picture",
    "deconvolutional": "it belongs to segmentation",
    "local_avgpool": "it averages over uneven borders",
    "normalization": "it normalizes over neighbouring channels",
    "lrn": "it normalizes over neighbouring channels",
    "contrastive": "it gives embeddings, which belong to tracking",
    "iseg": "it belongs to segmentation",
    "implicit": "it belongs to YOLOR",
    "implicit_add": "it belongs to YOLOR",
    "implicit_mul": "it belongs to YOLOR",
    "shift_channels": "it belongs to YOLOR",
    "control_channels": "it belongs to YOLOR",
}
"""Sections that are known and cannot be carried out -> why."""
OFF: dict[str, str] = {
    "antialiasing": "0",
    "binary": "0",
    "xnor": "0",
    "flipped": "0",
    "coordconv": "0",
    "maxpool_depth": "0",
    "maxpool_zero_nonmax": "0",
    "reverse": "0",
    "dontload": "0",
    "dontloadscales": "0",
    "spatial": "0",
}
"""Options of Darknet that change what a layer computes and cannot be carried out -> the value that
leaves each of them off."""
OFF_IN_TRAINING = {"reverse": "convolutional"}
"""Option of ``OFF`` -> the section in which only training reads it."""
NEVER = {
    "tree": "a tree of classes, as YOLO9000 has it",
    "share_index": "a layer that shares the weights of another one",
    "embedding_layer": "a layer of embeddings for tracking",
}
"""Options that cannot be carried out whatever their value -> what they ask for."""
TRAINING = frozenset(
    "jitter ignore_thresh truth_thresh random cls_normalizer iou_normalizer obj_normalizer "
    "delta_normalizer uc_normalizer iou_loss iou_thresh iou_thresh_kind max max_delta resize map "
    "label_smooth_eps objectness_smooth counters_per_class focal_loss max_batches bin_output "
    "stopbackward learning_rate burnin_update train_only_bn onlyforward dont_update clip cbn "
    "grad_centr angle stream wait_stream out_channels show_details track_history_size sim_thresh "
    "dets_for_track dets_for_show track_ciou_norm beta1 absolute bias_match class_scale "
    "coord_scale noobject_scale object_scale mask_scale rescore thresh classfix forced dropblock "
    "dropblock_size_rel dropblock_size_abs noloss type ratio flip exposure saturation hue shift "
    "init drop probability atoms mean std assisted_excitation sway rotate stretch stretch_sway "
    "deform dot log reorg".split()
)
"""Options of any layer that only training, tracking or Darknet's own loader reads, or nothing does;
ignored.

``assisted_excitation`` adds the truth to a layer's output in training.  ``sway``, ``rotate``,
``stretch`` and ``stretch_sway`` turn weights after each step, and a file holds turned ones.  No
layer reads ``deform``, ``dot``, ``log`` and ``reorg``.
"""
NET_TRAINING = frozenset(
    "batch subdivisions inputs max_crop min_crop max_ratio min_ratio center momentum decay policy "
    "power burn_in step steps scale scales seq_scales gamma learning_rate_min batches_per_cycle "
    "batches_cycle_mult loss_scale dynamic_minibatch optimized_memory workspace_size_limit_MB "
    "num_sigmas_reject_badlabels badlabels_reject_threshold badlabels_rejection_percentage "
    "equidistant_point ema_alpha time_steps track augment_speed sequential_subdivisions "
    "init_sequential_subdivisions try_fix_nan weights_reject_freq adam B1 B2 eps blur mixup cutmix "
    "gaussian_noise mosaic mosaic_bound mosaic_scale contrastive contrastive_jit_flip "
    "contrastive_color unsupervised resize_step attention adversarial_lr max_chart_loss aspect "
    "notruth noadjust".split()
)
"""Further options of ``[net]`` that only training reads; ignored."""
_COUNTS = dict.fromkeys("filters size stride groups dilation output reduction".split(), 1)
_COUNTS |= dict.fromkeys("stride_x stride_y num side crop_height crop_width".split(), 1)
_COUNTS |= dict.fromkeys("pad padding batch_normalize group_id new_coords sqrt".split(), 0)
COUNTS: dict[str, int] = _COUNTS | {"softmax": 0, "background": 0, "scale_wh": 0, "classes": 1}
"""Option of any layer that is a whole number -> its least value."""
POSITIVE = frozenset(["scale_x_y", "beta_nms"])
"""Options that are a number above 0."""
WEIGHTS_TYPES = {
    "none": "",
    "per_feature": "layer",
    "per_layer": "layer",
    "per_channel": "channel",
}
"""Value of ``weights_type`` -> what has a weight of its own."""
WEIGHTS_NORMS = {"none": "", "relu": "relu", "avg_relu": "relu", "softmax": "softmax"}
"""Value of ``weights_normalization`` -> how the weights are made to add up to 1."""
WORDS: dict[str, tuple[str, ...]] = {
    "weights_type": tuple(WEIGHTS_TYPES),
    "weights_normalization": tuple(WEIGHTS_NORMS),
    "yolo_point": ("center", "left_top", "right_bottom"),
}
"""Option that is one of several words -> the words, the default first."""
NO_SHAPE = frozenset(
    "activation batch_normalize scale scale_x_y new_coords nms_kind beta_nms weights_type "
    "weights_normalization softmax background sqrt yolo_point noadjust".split()
)
"""Options that decide numbers but no shape, so that what reads the layer can be checked."""
