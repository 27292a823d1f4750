"""Programs whose weights are trained: the same answers before, and other ones after."""

import pytest
import torch
from measured import plan_for
from nets import Net, batch_norm, captured, relative_error
from torch import nn
from torch.nn import functional

from autosplit.capture.capture import capture
from autosplit.capture.equalize import equalize
from autosplit.capture.trainable import learned_targets, trainable
from autosplit.distortion.measure import measure
from autosplit.halves.deployed import deploy
from autosplit.halves.partition import edge_part
from autosplit.quantize.straight_through import straight_through

IMAGES = torch.randn(6, 3, 8, 8, generator=torch.Generator().manual_seed(0))
LABELS = torch.arange(6) % 5


def forward(net, x):
    a = torch.relu(net.norm(net.a(x)))
    total = a + net.b(a) * net.gain + net.mask
    return net.fc(functional.avg_pool2d(total, 4).flatten(1))


def network(seed=0):
    torch.manual_seed(seed)
    net = Net(
        forward,
        a=nn.Conv2d(3, 4, 3, padding=1, bias=False),
        norm=batch_norm(nn.BatchNorm2d, 4),
        b=nn.Conv2d(4, 4, 1),
        fc=nn.Linear(16, 5),
        gain=nn.Parameter(torch.rand(1, 4, 1, 1)),
    )
    net.register_buffer("mask", torch.rand(8, 8) * 0.1)
    return net.eval()


def program_of(net=None):
    return capture(net or network(), (IMAGES[:1],), "net")


def steps(program, count, lr=0.05):
    """Losses before and after each of some steps of gradient descent."""
    optimizer = torch.optim.SGD(program.module.parameters(), lr=lr)
    losses = []
    for _ in range(count + 1):
        optimizer.zero_grad()
        loss = functional.cross_entropy(program.module(IMAGES)[0], LABELS)
        losses.append(loss.item())
        loss.backward()
        if len(losses) <= count:
            optimizer.step()
    return losses


class TestAnswers:
    @pytest.mark.parametrize("name", ["resnet18", "vit_b_16", "mobilenet_v2"])
    def test_they_are_the_untouched_program_s_to_the_bit(self, name):
        found = captured(name)
        trained = trainable(found.program)

        (want,) = found.program.run((found.images,))
        (got,) = trained.run((found.images,))
        (with_gradients,) = trained.module(found.images)

        assert torch.equal(got, want)
        assert relative_error(with_gradients.detach(), want) < 1e-5
        assert with_gradients.requires_grad
        assert not got.requires_grad

    def test_what_is_measured_and_deployed_of_it_is_the_same_to_the_bit(self):
        program = program_of()
        trained = trainable(program)

        files = [plan_for(each, IMAGES, 4, 5) for each in (program, trained)]
        answers = [
            deploy(each, file)(IMAGES)[0][0]
            for each, file in zip((program, trained), files, strict=True)
        ]

        assert files[0].half_sha256 == files[1].half_sha256
        assert torch.equal(*answers)
        assert trained.weights_sha256 == program.weights_sha256

    def test_a_batch_is_run_in_any_size(self):
        trained = trainable(program_of())

        assert trained.module(IMAGES[:1])[0].shape == (1, 5)
        assert trained.module(IMAGES)[0].shape == (6, 5)


class TestParameters:
    def test_they_are_what_the_network_learned_and_nothing_else(self):
        program = program_of()

        names = dict(trainable(program).module.named_parameters())

        learned = {"a/weight_folded", "a/bias_folded", "b/weight", "b/bias", "gain"}
        assert set(names) == learned | {"fc/weight", "fc/bias"} == learned_targets(program)
        assert "mask" in dict(trainable(program).module.named_buffers())

    def test_what_is_computed_from_parameters_alone_is_one(self):
        """A gain is reshaped before it is used: the export folds that."""
        net = Net(
            lambda net, x: net.a(x) * net.gain.view(1, 4, 1, 1) + torch.ones(4, 1, 1).cumsum(0),
            a=nn.Conv2d(3, 4, 1),
            gain=nn.Parameter(torch.rand(4)),
        )
        program = program_of(net)

        constants = [target for target in learned_targets(program) if "_constant" in target]
        assert len(constants) == 1
        assert program.constant(constants[0]).shape == (1, 4, 1, 1)

    def test_gradients_are_those_of_the_network(self):
        net = network()
        functional.cross_entropy(net(IMAGES), LABELS).backward()
        trained = trainable(program_of(net))
        steps(trained, 0)

        got = dict(trained.module.named_parameters())
        torch.testing.assert_close(got["b/weight"].grad, net.b.weight.grad)
        torch.testing.assert_close(got["gain"].grad, net.gain.grad)
        torch.testing.assert_close(got["fc/bias"].grad, net.fc.bias.grad)
        # W' = W g / sqrt(v + eps) per channel
        factor = net.norm.weight / (net.norm.running_var + net.norm.eps).sqrt()
        folded = got["a/weight_folded"].grad * factor.view(4, 1, 1, 1)
        torch.testing.assert_close(folded.detach(), net.a.weight.grad)

    def test_a_gradient_is_a_finite_difference_of_the_loss(self):
        trained = trainable(program_of())
        steps(trained, 0)
        weight = trained.module.get_parameter("b/weight")
        gradient = weight.grad.clone()

        with torch.no_grad():
            losses = []
            for sign in (1, -1):
                weight[1, 2, 0, 0] += sign * 1e-2
                answers = trained.run((IMAGES,))[0].double()
                losses.append(float(functional.cross_entropy(answers, LABELS)))
                weight[1, 2, 0, 0] -= sign * 1e-2
        difference = (losses[0] - losses[1]) / 2e-2
        assert difference == pytest.approx(float(gradient[1, 2, 0, 0]), rel=2e-3)

    def test_the_network_and_the_old_program_keep_their_weights(self):
        net = network()
        program = program_of(net)
        before = [value.clone() for value in (*net.state_dict().values(), *program.run((IMAGES,)))]

        steps(trainable(program), 2)

        after = [*net.state_dict().values(), *program.run((IMAGES,))]
        assert all(map(torch.equal, after, before))


class TestTraining:
    def test_three_steps_lower_the_loss(self):
        losses = steps(trainable(program_of()), 3)

        assert losses[0] > losses[1] > losses[2] > losses[3]

    def test_what_is_measured_deployed_and_hashed_is_what_was_learned(self):
        program = program_of()
        trained = trainable(program)
        assert trained.weights_sha256 == program.weights_sha256
        steps(trained, 1, lr=0.5)

        weight = trained.module.get_parameter("b/weight").detach()
        assert torch.equal(trained.weight("b"), weight)
        assert not torch.equal(trained.weight("b"), program.weight("b"))
        assert trained.weights_sha256 != program.weights_sha256
        file, old = (plan_for(each, IMAGES, 8, 8) for each in (trained, program))
        assert file.half_sha256 != old.half_sha256
        (got,) = deploy(trained, file)(IMAGES)[0]
        want = trained.module(IMAGES)[0].detach()
        assert float((got - want).abs().max()) < 0.05 * float(want.abs().max())
        (before,) = program.run((IMAGES,))
        assert float((before - want).abs().max()) > 0.2 * float(want.abs().max())

    def test_an_equalized_program_is_trained_too(self):
        losses = steps(trainable(equalize(program_of())), 1)

        assert losses[1] < losses[0]

    def test_distortions_are_measured_as_of_a_program_that_is_not_trainable(self):
        program = program_of()
        stats = [measure(each, lambda: iter([IMAGES])) for each in (program, trainable(program))]

        assert stats[0].distortions == stats[1].distortions

    def test_a_half_is_trained_through_its_quantizers(self):
        """Quantizers of 4 bits on every tensor; the first step of descent lowers the loss."""
        trained = trainable(program_of())
        file = plan_for(trained, IMAGES, 8, 4)

        def insert(graph, node, tensor):
            grid = file.activations[tensor]
            return graph.call_function(straight_through, (node, *grid.per_tensor, grid.bits))

        cut = trained.graph.prefix(len(trained.graph.layers))
        module = edge_part(trained, cut, insert).module()
        parameters = dict(trained.module.named_parameters())
        losses = []
        for _ in range(2):
            loss = functional.cross_entropy(module(IMAGES)[0], LABELS)
            losses.append(loss.item())
            loss.backward()
            with torch.no_grad():
                for value in parameters.values():
                    value.sub_(value.grad, alpha=0.1)
                    value.grad = None

        assert losses[1] < losses[0]
