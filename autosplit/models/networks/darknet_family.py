"""Text of a ``.cfg`` file and header of its weights -> whose program they are for; without torch.

pjreddie's Darknet keeps the shape of a picture, AlexeyAB's stretches it, ultralytics' archive and
what comes of it pad with grey 114: ``data.preprocess.STYLES``.
"""

from __future__ import annotations

import re

_COMMENT = re.compile("[#;]")


def family_of(text: str, version: tuple[int, int, int] | None = None) -> str:
    """Return the style of pictures, one of ``STYLES``, that a file was most probably made for.

    A file with options that AlexeyAB's Darknet alone reads is of that program, and so is one whose
    weights it wrote; with ``letter_box=1`` that program keeps shapes too.

    Args:
        text: Text of the ``.cfg`` file.
        version: Major, minor and revision in the header of the weights; None without any.

    >>> family_of("[net]"), family_of("[net]", (0, 2, 5)), family_of("activation = mish")
    ('darknet', 'alexeyab', 'alexeyab')
    """
    section, found = "", {"alexeyab"} if version == ALEXEYS_VERSION else set()
    for line in text.split("\n"):
        words = _COMMENT.split(line, maxsplit=1)[0].strip()
        if words.startswith("["):
            section = words.strip("[] \t")
            found.add(_SECTIONS.get(section, ""))
            continue
        key, _, value = (part.strip() for part in words.partition("="))
        if key == "letter_box" and value not in ("", "0"):
            return "darknet"
        if key == "activation":
            found.add(_ACTIVATIONS.get(value, ""))
        lists = (section, key) == ("shortcut", "from") and "," in value
        if key in _OPTIONS or (section, key) == ("route", "groups") or lists:
            found.add("alexeyab")
    return next((style for style in ("ultralytics", "alexeyab") if style in found), "darknet")


ALEXEYS_VERSION = (0, 2, 5)
"""What AlexeyAB's Darknet writes into the header of weights; pjreddie's writes 0.2.0."""
_SECTIONS = dict.fromkeys(
    "Gaussian_yolo gaussian_yolo conv_lstm contrastive empty history implicit local_avg "
    "local_avgpool reorg3d sam scale_channels silence".split(),
    "alexeyab",
) | dict.fromkeys(["depthwise", "se"], "ultralytics")
"""Section that one family alone has -> the family; ``depthwise`` and ``se`` are SpursLipu's, whose
program comes of ultralytics' archive."""
_ACTIVATIONS = dict.fromkeys(
    "mish hard_mish swish gelu relu6 revleaky normalize_channels normalize_channels_softmax "
    "normalize_channels_softmax_maxval".split(),
    "alexeyab",
) | {"h_swish": "ultralytics"}
"""Activation that one family alone has -> the family."""
_OPTIONS = frozenset(
    "adversarial_lr antialiasing assisted_excitation atoms attention augment_speed "
    "badlabels_rejection_percentage beta_nms bin_output blur bottleneck burnin_update cbn "
    "cls_normalizer contrastive contrastive_color contrastive_jit_flip contrastive_neg_max "
    "coordconv counters_per_class cutmix delta_normalizer dets_for_show dets_for_track dilation "
    "dont_update dropblock dropblock_size_abs dropblock_size_rel dynamic_minibatch ema_alpha "
    "embedding_layer equidistant_point focal_loss gaussian_noise grad_centr group_id history_size "
    "iou_loss iou_normalizer iou_thresh iou_thresh_kind label_smooth_eps learning_rate_min "
    "letter_box logistic loss_scale lstm_activation max_chart_loss max_delta maxpool_depth "
    "maxpool_zero_nonmax mean mixup mosaic mosaic_bound new_coords nms_kind "
    "num_sigmas_reject_badlabels obj_normalizer objectness_smooth optimized_memory out_channels "
    "peephole resize resize_step rotate scale_wh scale_x_y seq_scales sequential_subdivisions "
    "sgdr_cycle sgdr_mult share_index show_details show_receptive_field sim_thresh state_constrain "
    "std stream stretch stretch_sway stride_x stride_y sway time_normalizer track track_ciou_norm "
    "track_history_size train_only_bn try_fix_nan uc_normalizer unsupervised use_cuda_graph "
    "wait_stream weights_normalization weights_reject_freq weights_type workspace_size_limit_MB "
    "yolo_layer yolo_point".split()
)
"""Options that AlexeyAB's parser reads and pjreddie's does not; no file of pjreddie's has one."""
