"""A small residual network as a bundle of three plans, and the network itself."""

import asyncio
import threading
from dataclasses import replace
from types import SimpleNamespace

import pytest
import torch
from measured import plan_for
from nets import Net
from PIL import Image
from served import serving
from torch import nn

from autosplit.capture.capture import capture
from autosplit.data.preprocess import Preprocess
from autosplit.deploy.bundle import Exporter
from autosplit.deploy.client import EdgeClient
from autosplit.deploy.grpc_server import make_grpc_server
from autosplit.deploy.repository import Repository
from autosplit.distortion.coded import code_tensors
from autosplit.distortion.measure import measure
from autosplit.halves.recoded import recoded
from autosplit.plan.wire_layout import wire_layout

PREPARE = Preprocess((8, 8), (8, 8), (0.5, 0.4, 0.3), (0.2, 0.3, 0.4), Image.Resampling.BILINEAR)


def forward(net, x):
    a = nn.functional.relu6(net.a(x))
    total = torch.relu(a + net.b(a))
    pooled = nn.functional.max_pool2d(torch.cat([total, a], 1), 2)
    return net.c(pooled.mean((2, 3)))


def entropy_coded(file, program, images, stats):
    """A plan with what crosses entropy-coded, by tables measured on the images."""
    coded = code_tensors(program, lambda: iter([images]), stats).coded
    tables = {key: (one.classes, one.sent) for key, one in coded.items()}
    wire = wire_layout(program.graph.cut(file.plan.edge), file.activations, coded=tables)
    return replace(file, wire=wire)


@pytest.fixture(scope="session")
def small():
    """A captured network with images, and plans: a split whose tensors are coded, all-edge, raw."""
    torch.manual_seed(0)
    modules = {
        "a": nn.Conv2d(3, 6, 3, padding=1),
        "b": nn.Conv2d(6, 6, 3, padding=1, groups=6),
        "c": nn.Linear(12, 5),
    }
    network = Net(forward, **modules)
    images = torch.rand(16, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    program = capture(network, (images[:1],), "small")
    stats = measure(program, lambda: iter([images]))
    files = {}
    for name, weights, activations, count in (
        ("split", 7, 5, 2),
        ("edge", 4, 8, None),
        ("raw", 8, 8, 0),
    ):
        file = plan_for(program, images, weights, activations, count, stats)
        files[name] = replace(file, plan=replace(file.plan, name=name))
    files["split"] = entropy_coded(files["split"], program, images, stats)
    files["split"] = recoded(program, files["split"], [images])
    model = SimpleNamespace(preprocess=PREPARE, labels=("a", "b", "c", "d", "e"))
    return SimpleNamespace(
        network=network, program=program, images=images, files=files, model=model, stats=stats
    )


@pytest.fixture(scope="session")
def bundle(small, tmp_path_factory):
    """The folder of the bundle; a test that changes it makes a copy."""
    folder = tmp_path_factory.mktemp("bundle") / "small"
    exporter = Exporter(small.program, small.model, "classification")
    exporter.export(list(small.files.values()), folder)
    return folder


@pytest.fixture(scope="session")
def address(bundle):
    """Address of a server of the bundle: host and port."""
    with serving(bundle) as where:
        yield where


@pytest.fixture(scope="session")
def grpc_address(bundle):
    """Address of a server of the bundle over gRPC: host and port."""
    loop = asyncio.new_event_loop()
    started = threading.Event()
    place = {}

    async def run():
        server, place["port"] = make_grpc_server(Repository.load(bundle), "127.0.0.1:0")
        await server.start()
        place["stop"] = asyncio.Event()
        started.set()
        await place["stop"].wait()
        await server.stop(None)

    thread = threading.Thread(target=lambda: loop.run_until_complete(run()))
    thread.start()
    started.wait()
    yield f"127.0.0.1:{place['port']}"
    loop.call_soon_threadsafe(place["stop"].set)
    thread.join()
    loop.close()


@pytest.fixture(scope="module")
def right(small, bundle, address):
    """Answer of each plan to each image."""
    found = {}
    for name in ("split", "edge", "raw"):
        with EdgeClient(bundle, f"http://{address}", name) as one:
            found[name] = [
                one.infer({"x": small.images.numpy()[i : i + 1]}).outputs["output:0"]
                for i in range(16)
            ]
    return found
