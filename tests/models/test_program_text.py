"""Which texts of a saved program are sizes, names and operators, and which could be code."""

import pytest

from autosplit.models.program_text import (
    MOST_TEXT,
    is_expression,
    is_guard,
    is_label,
    is_name,
    is_operator,
    is_treespec,
)

EXPRESSIONS = (
    "s0",
    "2*s0 + 1",
    "Symbol('s31', positive=True, integer=True)",
    "Mul(Integer(8), Symbol('s53', positive=True), FloorDiv(Symbol('s77'), Integer(2)))",
    "Pow(Symbol('s0'), Integer(2))",
    "Pow(Symbol('s0'), Integer(-1))",
    "(s0 + 1)**2 // 3",
    "Eq(s0, 3)",
    "s0 >= 2",
    "Float('0.5', precision=53)",
)
CODE = (
    "__import__('os').system('touch x')",
    "Symbol('s').__class__",
    "Symbol('__import__')",
    "Symbol('s0', **{})",
    "Symbol(Integer(3))",
    "open('x', 'w')",
    "eval('1')",
    "Lambda(s0, s0)",
    "[1, 2]",
    "(lambda: 1)()",
    "s0 if s0 else 1",
    "Integer('1')",
    "factorial(99999999)",
    "factorial",
    "x.y",
    "x[0]",
    "f'{s0}'",
    "9**9**9",
    "(9**60)**60",
    "Pow(Pow(9, 60), 60)",
    "2**65",
    "LShift(1, 999999)",
    "1" * 21,
    "s0\n+ 1",
    " s0",
    "",
    "s0 +",
    "(" * 300 + "1" + ")" * 300,
    "s" * (MOST_TEXT + 1),
    "a := 1",
    "__builtins__",
    "\N{FULLWIDTH LATIN SMALL LETTER X}",
    None,
    3,
    ["s0"],
)


@pytest.mark.parametrize("text", EXPRESSIONS)
def test_arithmetic_of_sizes_is_an_expression(text):
    assert is_expression(text)


@pytest.mark.parametrize("text", [text for text in CODE if text != "factorial"])
def test_what_could_be_code_or_never_end_is_no_expression(text):
    assert not is_expression(text)


def test_a_name_alone_calls_nothing():
    assert is_expression("factorial")


@pytest.mark.parametrize(
    "text",
    [
        "L['x'].size()[2] > 3",
        "(L['x'].size()[0] // 2) <= L['x'].size()[0]",
        "L['flat_args'][0].stride()[1] == 1",
        "L['d']['k'].shape[0] != 1",
        "max(1, L['x'].size()[0]) < math.inf and not L['x'].size()[1] == 7",
        "torch.sym_float(L['x'].size()[0]) >= 1.5",
        "L['m'] is None",
    ],
)
def test_a_comparison_of_sizes_is_a_guard(text):
    assert is_guard(text)


@pytest.mark.parametrize(
    "text",
    [
        "print(L['x'])",
        "L['x'].__class__",
        "L['x'].apply_(1) == 1",
        "L['x'].size()[0].real",
        "L['x\"'].size()[0] == 1",
        "L['x'].size(print)[0] == 1",
        "torch.load('x')",
        "torch.os.system('x')",
        "math.__loader__",
        "open",
        "True), print(1",
        "L['x'].size()[0] ** 99999 == 1",
        "L['x'].size()[0] == 1\nprint()",
        "[L for L in ()]",
    ],
)
def test_anything_else_is_no_guard(text):
    assert not is_guard(text)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        ("torch.ops.aten.conv2d.default", True),
        ("torch.ops.torchvision.nms.default", True),
        ("torch.ops.higher_order.cond", True),
        ("_operator.getitem", True),
        ("torch.sym_max", True),
        ("math.ceil", True),
        ("torch.os.system", False),
        ("torch.ops.aten.from_file.default", False),
        ("torch.ops.aten.__class__.mro", False),
        ("torch.ops.mylib.run.default", False),
        ("torch.ops.higher_order.triton_kernel_wrapper_functional", False),
        ("_operator.methodcaller", False),
        ("_operator.attrgetter", False),
        ("#ns:op", False),
        ("builtins.eval", False),
        ("", False),
        (None, False),
        (["torch.sym_max"], False),
    ],
)
def test_operators_compute_and_other_functions_are_refused(text, known):
    assert is_operator(text) is known


def test_names_and_labels_cannot_end_a_text():
    assert is_name("p_layer1_0_weight")
    assert not any(map(is_name, ("a b", "a.b", "1a", "__import__", "a" * 201, "", None)))
    assert is_label("layer1.0.conv-a")
    assert is_label("<=2.4")
    bad = ("a'", 'a"', "a\\", "a\n", "f(x)", "a;b", "a{b}", "__import__", "a" * 2001, None)
    assert not any(map(is_label, bad))


LEAF = '{"type": null, "context": null, "children_spec": []}'


@pytest.mark.parametrize(
    ("kind", "context", "known"),
    [
        ("builtins.tuple", '"null"', True),
        ("builtins.dict", r'"[\"a\", \"b.c\"]"', True),
        ("collections.OrderedDict", r'"[\"a\"]"', True),
        ("collections.defaultdict", r'"{}"', False),
        ("builtins.dict", r'"[\"x=print(1)\"]"', False),
        ("builtins.dict", r'"[{\"__enum__\": 1, \"fqn\": \"os:a\"}]"', False),
        ("builtins.dict", r'"{\"__enum__\": 1, \"fqn\": \"os:a\"}"', False),
        ("builtins.dict", "{}", False),
        ("builtins.eval('1')", '"null"', False),
    ],
)
def test_a_treespec_nests_plain_keys_alone(kind, context, known):
    text = f'[1, {{"type": "{kind}", "context": {context}, "children_spec": [{LEAF}]}}]'

    assert is_treespec(text) is known


@pytest.mark.parametrize("text", ["", "[]", "[2, {}]", "{}", None, "[" * 9999, "[1, {}]"])
def test_what_is_no_treespec(text):
    assert not is_treespec(text)
