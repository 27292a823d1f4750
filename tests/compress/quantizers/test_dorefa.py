import torch

from autosplit.compress.quantizers.dorefa import bent, dorefa, largest, unbent


def test_weights_are_bent_within_the_range_of_their_channel():
    """Channel by channel, tanh(v) / max abs(tanh(v)) (Zhou et al. 2016, eq. 9) times its range."""
    latent = torch.randn(3, 8, generator=torch.Generator().manual_seed(0))
    reach = torch.tensor([[1.0], [0.5], [0.0]])

    got = bent(latent, reach)

    for row, values, most in zip(got, latent, (1.0, 0.5, 0.0), strict=True):
        curved = torch.tanh(values)
        torch.testing.assert_close(row, most * curved / curved.abs().max())
        assert abs(float(row.abs().max()) - most) < 1e-6


def test_bending_undoes_unbending():
    weight = torch.randn(4, 2, 3, 3, generator=torch.Generator().manual_seed(1))
    weight[2] = 0

    torch.testing.assert_close(bent(unbent(weight, largest(weight)), largest(weight)), weight)


def test_the_step_is_not_learned():
    value = torch.tensor([0.2, 0.9, -3.0], requires_grad=True)
    log_step = torch.zeros(1, requires_grad=True)

    got = dorefa(value, log_step, torch.tensor(1.0), 2, 3)
    got.sum().backward()

    assert got.tolist() == [0, 1, -1]
    assert value.grad.tolist() == [1, 1, 0]  # -3 is below the least level, -1
    assert log_step.grad is None
