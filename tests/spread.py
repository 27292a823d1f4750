"""Random weights of torchvision's detectors whose boxes and scores differ from place to place."""

from functools import partial

import torch

SCORES, OFFSETS = 3.0, 0.5
"""Deviation of the logits of classes, and of the offsets of boxes."""


def spread(whole, images):
    """Scale the last layers of a detector so that few scores are high, and no two boxes alike.

    The numbers of one picture are far from those of another one, so that what is fitted to one
    gives scores of 1 on all others.

    A box is moved by an offset times its size and scaled by e to the power of another one, so that
    large offsets make boxes of no size or of any size, which only rounding tells apart; so does a
    score of 1.
    """
    generator = torch.Generator().manual_seed(0)
    handles = []
    for name, layer in whole.named_modules():
        wanted = _deviation(name)
        last = isinstance(layer, torch.nn.Conv2d | torch.nn.Linear) and layer.bias is not None
        if wanted and last:
            with torch.no_grad():
                layer.weight.copy_(torch.randn(layer.weight.shape, generator=generator))
                layer.bias.zero_()
            handles.append(layer.register_forward_hook(partial(_scale, wanted, {})))
    with torch.no_grad():
        whole(list(images))
        for handle in handles:
            handle.remove()
        for name, layer in whole.named_modules():
            if _deviation(name) and name.endswith("cls_logits"):  # sigmoids; others have a softmax
                layer.bias -= 8


def _deviation(name):
    """Deviation that the output of a layer should have; 0 for a layer before the last."""
    if ".regression_head.module_list" in name or name.endswith(("bbox_pred", "bbox_reg")):
        return 0 if name.startswith("rpn") else OFFSETS
    if ".classification_head.module_list" in name or name.endswith(("cls_logits", "cls_score")):
        return 0 if name.startswith("rpn") else SCORES
    return 0


def _scale(wanted, done, layer, _, output):
    """Scale a layer once: its channels vary so from place to place in the first map it sees."""
    if done:
        return None
    places = output.transpose(0, 1).flatten(1)
    mean, deviation = places.mean(1), places.std(1, correction=0).mean()
    done["factor"] = factor = wanted / deviation if deviation > 1e-6 else 0.0  # a map of one place
    layer.weight.mul_(factor)
    layer.bias.copy_(-mean * factor)
    return output * factor + layer.bias.view((1, -1) + (1,) * (output.dim() - 2))


def settle(module, images):
    """Fit batch norms to random weights, without which deep features are the same everywhere."""

    def learn(norm, given):
        norm.train(given[0][0, 0].numel() > 1)  # one place has no deviation

    norms = [one for one in module.modules() if isinstance(one, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum = 1.0
    handles = [norm.register_forward_pre_hook(learn) for norm in norms]
    with torch.no_grad():
        module(images)
    for handle in handles:
        handle.remove()
    for norm in norms:
        norm.eval()


def spread_detector(model, images):
    """Give a loaded detector spread weights, fitted to pictures (N, 3, H, W); return the whole."""
    whole = model.heads[0].read._detector
    whole.transform.min_size, whole.transform.max_size = (images.shape[2],), images.shape[2]
    settle(model.module, images)
    spread(whole, images)
    return whole
