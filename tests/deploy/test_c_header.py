"""The C header compiles, and C code computes the reference's integers with it."""

import shutil
import subprocess

import numpy as np
import pytest

from autosplit.deploy.c_header import c_header, c_names
from autosplit.halves.deployed import deploy
from autosplit.halves.quantized import check_plan, integer_weights

pytestmark = pytest.mark.skipif(shutil.which("gcc") is None, reason="needs gcc")
WARNINGS = ["-std=c99", "-Wall", "-Wextra", "-Wno-unused-variable", "-Werror", "-O1", "-lm"]
CONVOLUTION = """
#include <math.h>
#include <stdio.h>
#include "plan.h"

/* 3x3, padded by zeros, then relu6; picture of 3x8x8 floats -> integers of 6x8x8 */
int main(void) {
    float x[192];
    if (fread(x, sizeof *x, 192, stdin) != 192) return 1;
    for (int c = 0; c < 6; c++) for (int i = 0; i < 8; i++) for (int j = 0; j < 8; j++) {
        int32_t sum = t1_a_bias[c];
        for (int k = 0; k < 3; k++) for (int u = 0; u < 3; u++) for (int v = 0; v < 3; v++) {
            int row = i + u - 1, column = j + v - 1;
            if (row < 0 || row > 7 || column < 0 || column > 7) continue;
            float q = nearbyintf(x[(k * 8 + row) * 8 + column] / t0_x_tensor_scale);
            q = fminf(fmaxf(q, -t0_x_tensor_zero), (1 << t0_x_tensor_bits) - 1 - t0_x_tensor_zero);
            uint32_t place = ((c * 3 + k) * 3 + u) * 3 + v;
            int32_t w = (int32_t)autosplit_code(t1_a_codes, t1_a_bits, place) - t1_a_zero[c];
            sum += (int32_t)q * w;
        }
        float step = t0_x_tensor_scale * t1_a_scale[c];
        float q = nearbyintf((float)sum * (step / t1_a_tensor_scale)) + t1_a_tensor_zero;
        float least = t1_a_tensor_zero, most = nearbyintf(6.0f / t1_a_tensor_scale) + least;
        most = fminf(most, (1 << t1_a_tensor_bits) - 1);
        printf("%d\\n", (int)fminf(fmaxf(q, least), most));
    }
    return 0;
}
"""


def compiled(folder, text, source):
    (folder / "plan.h").write_text(text)
    (folder / "main.c").write_text(source)
    program = folder / "main"
    subprocess.run(["gcc", folder / "main.c", "-o", program, *WARNINGS], check=True)
    return program


def test_a_convolution_in_c_gives_the_references_integers(small, tmp_path):
    file, image = small.files["split"], small.images[:1]
    program = compiled(tmp_path, c_header(small.program, file), CONVOLUTION)

    done = subprocess.run([program], input=image.numpy().tobytes(), check=True, capture_output=True)

    message, _ = deploy(small.program, file).edge((image,))
    want = message.tensors["a"].reshape(-1)
    assert [int(word) for word in done.stdout.split()] == want.tolist()
    assert len(set(want.tolist())) > 10


def test_every_weight_comes_back_from_its_packed_integers(small, tmp_path):
    file = small.files["edge"]
    cut = check_plan(small.program, file)
    weights = integer_weights(small.program, file, cut)
    names = c_names(cut.edge_tensors)
    loops = [
        f"for (uint32_t i = 0; i < {names[layer]}_count; i++) "
        f'printf("%u\\n", autosplit_code({names[layer]}_codes, {names[layer]}_bits, i));'
        for layer in cut.weights
    ]
    source = '#include <stdio.h>\n#include "plan.h"\nint main(void) {' + "\n".join(loops) + "}"
    program = compiled(tmp_path, c_header(small.program, file), source)

    done = subprocess.run([program], check=True, capture_output=True)

    want = []
    for layer in cut.weights:
        one = weights[small.program.weights[layer].target]
        zero = np.reshape(one.grid.zero_point, (-1, *[1] * (one.levels.dim() - 1)))
        want += (one.levels.numpy() + zero).astype(int).reshape(-1).tolist()
    assert [int(word) for word in done.stdout.split()] == want
