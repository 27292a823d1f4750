"""Pruned variants of a network, each with its parent on record; plans trained with their integers.

| formula or method | file |
| --- | --- |
| a network's operators with live batch norms; exported again | ``live.py`` (``live_network``) |
| channels that go together, as units | ``channel_groups.py`` (``channel_groups``) |
| numbers of channels and their ties (union-find); labels of reshapes | ``units.py`` |
| the walk along operators; what layers and movements do to channels | ``walk.py``, ``layer_rules.py``, ``movement_rules.py`` |
| parameters sliced, and the numbers in operators; the masked network; the check | ``slicing.py`` |
| gates on channels: derivative of the answers by each unit and sample | ``gates.py`` |
| scores of units, one file each | ``scores/`` |
| multiply-accumulates by kept channels | ``cost_of_channels.py`` |
| which units go first, and how many | ``choose_units.py`` |
| residual blocks, and the network without them | ``residual_blocks.py`` |
| prunings by name: normal, shortcut, slim, regular, layer, layer-channel | ``named_prunings.py`` |
| least squares (He et al. 2017), batch norm statistics | ``refit.py`` |
| all steps of pruning in order | ``prune.py`` (``prune``) |
| what channels and bits cost together, for the joint search | ``joint_costs.py`` |
| the command ``search --prune`` | ``run_joint.py`` |
| accuracy of a network in float | ``accuracy.py`` |
| the folder of a variant | ``variant.py`` |
| a pruned Darknet as ``.cfg`` with ``.weights`` | ``darknet_variant.py`` |
| the command ``prune`` | ``run_prune.py`` |
| training samples in random batches, and the held-out part | ``training_set.py`` |
| optimizers, schedules, distillation (Hinton et al. 2015) | ``fit.py`` |
| a plan with gradients | ``quantized_run.py`` |
| how steps are trained: LSQ, PACT, powers of two, moving ranges | ``quantizers/`` |
| quantization-aware training (QAT) of a plan | ``tune.py`` (``tune_plan``) |
| training samples of the data that options name | ``training_data.py`` |
| the loss of YOLO heads: complete IoU (Zheng et al. 2020) or squared error | ``yolo_loss.py`` |
| what a detector learns from a teacher: answers, boxes, features | ``distillation.py`` |
| losses of tasks, and of a teacher | ``losses.py`` |
| checkpoints that a killed process leaves | ``checkpoint_files.py`` |
| random weights of a captured network | ``random_weights.py`` |
| the first layer whose output is not finite | ``not_finite.py`` |
| pictures changed at random, with their boxes: mirrored, colours, mosaic | ``augment.py`` |
| where a training is between epochs | ``training_now.py`` |
| sparse training (Liu et al. 2017, eq. 1) | ``sparse.py`` |
| training in float, on one process or several | ``train.py`` (``train_network``) |
| the command ``train`` | ``run_train.py`` |
| the command ``tune`` | ``run_tune.py``; without a plan ``run_finetune.py`` |

Import from the modules themselves; all need torch.
"""  # noqa: E501 - a table
