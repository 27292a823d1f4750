"""Texts in a saved program that torch turns into Python: expressions, guards, operators, names.

``torch.export.load`` evaluates expressions of sizes with sympy's parser, compiles guards, and
writes names into the source of the loaded module.  Each check here says whether a text is of the
form that ``torch.export.save`` writes, and nothing else.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable, Iterable
from typing import Any

MOST_TEXT = 20_000
"""Characters of the longest expression or guard."""
_MOST_POWER = 64
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_LABEL = re.compile(r"[\w .,:/+<>=-]{0,2000}")
_KEY = re.compile(r"[\w ./-]{0,200}")  # torch writes keys of arguments into a signature
_OPERATOR = re.compile(
    r"torch\.ops\.(aten|prims|torchvision|quantized|quantized_decomposed)\.\w+(\.\w+)?"
    r"|torch\.ops\.higher_order\.(cond|map_impl|scan|while_loop|wrap_with_set_grad_enabled"
    r"|wrap_with_autocast)"
    r"|torch\.sym_\w+|torch\._sym_sqrt|math\.\w+"
)
_PLAIN_OPERATORS = frozenset(
    "add sub mul floordiv truediv mod pow neg pos eq ne lt le gt ge and_ or_ lshift rshift "
    "getitem trunc".split()
)
_READS_FILES = ("torch.ops.aten.from_file",)
_POWERS = {"Pow", "PowByNatural", "FloatPow", "LShift", "RShift"}
_FUNCTIONS = _POWERS | set(
    "Symbol Integer Rational Float Add Mul Max Min Abs floor ceiling Eq Ne Equality Unequality "
    "GreaterThan LessThan StrictGreaterThan StrictLessThan Ge Le Gt Lt And Or Not Mod PythonMod "
    "FloorDiv ModularIndexing Where CleanDiv CeilToInt FloorToInt CeilDiv FloatTrueDiv IntTrueDiv "
    "IsNonOverlappingAndDenseIndicator TruncToFloat TruncToInt RoundToInt RoundDecimal ToFloat "
    "Identity Piecewise ExprCondPair".split()
)
_GUARD_FUNCTIONS = set("abs min max int float round bool cast_symbool_to_symint_guardless".split())
_GUARD_METHODS = {"size", "stride", "storage_offset", "dim", "numel", "item"}
_ARITHMETIC = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_UNARY = (ast.USub, ast.UAdd, ast.Not)


def is_name(text: Any) -> bool:
    """Whether a text is one Python name without two leading underscores.

    >>> is_name("p_0_weight"), is_name("__import__"), is_name("x); print(1")
    (True, False, False)
    """
    return isinstance(text, str) and bool(_NAME.fullmatch(text)) and not text.startswith("__")


def is_label(text: Any) -> bool:
    """Whether a text can end no Python text and call nothing: no quotes, brackets, backslashes.

    >>> is_label("layer1.0.conv-a"), is_label('a"); print(1')
    (True, False)
    """
    return isinstance(text, str) and bool(_LABEL.fullmatch(text)) and "__import__" not in text


def is_operator(text: Any) -> bool:
    """Whether a text names an operator that computes, and no other function.

    >>> is_operator("torch.ops.aten.relu.default"), is_operator("torch.os.system")
    (True, False)
    """
    if not isinstance(text, str) or text.startswith(_READS_FILES):
        return False
    if text.startswith("_operator."):
        return text.removeprefix("_operator.") in _PLAIN_OPERATORS
    return bool(_OPERATOR.fullmatch(text)) and "__" not in text.rpartition(".")[0]


def is_expression(text: Any) -> bool:
    """Whether a text is arithmetic of numbers and names of sizes, as sympy prints it.

    >>> is_expression("Mul(Integer(2), Symbol('s7', positive=True, integer=True))")
    True
    >>> is_expression("__import__('os').system('ls')"), is_expression("9**9**9")
    (False, False)
    """
    return _holds(text, _is_term)


def is_guard(text: Any) -> bool:
    """Whether a text compares sizes of inputs, as torch prints a guard.

    >>> is_guard("(L['x'].size()[0] // 2) != 1"), is_guard("print(L['x'])")
    (True, False)
    """
    return _holds(text, _is_guard_term)


def is_treespec(text: Any) -> bool:
    """Whether a text is a nesting of tuples, lists and mappings with plain keys, as JSON.

    >>> is_treespec('[1, {"type": null, "context": null, "children_spec": []}]')
    True
    """
    found = _json(text)
    return isinstance(found, list) and len(found) == 2 and found[0] == 1 and _is_tree(found[1])


def _json(text: Any) -> Any:
    """What a text says as JSON, None where it is none."""
    try:
        return json.loads(text)
    except (TypeError, ValueError, RecursionError):
        return None


def _is_tree(node: Any) -> bool:
    if not isinstance(node, dict) or node.keys() != {"type", "context", "children_spec"}:
        return False
    kind, context, children = node["type"], node["context"], node["children_spec"]
    if kind is None:
        return context is None and children == []
    # the context of a defaultdict names a module to import
    plain = is_label(kind) and kind != "collections.defaultdict" and isinstance(context, str)
    keys = _json(context) if plain and context[:1] in {"[", '"', "n"} else context
    known = keys is None or all(map(_is_key, _listed(keys)))
    return plain and known and isinstance(children, list) and all(map(_is_tree, children))


def _listed(keys: Any) -> Iterable[Any]:
    return keys if isinstance(keys, list) else [keys]


def _is_key(key: Any) -> bool:
    """Whether a key of a mapping is a number or a plain word."""
    if isinstance(key, str):
        return bool(_KEY.fullmatch(key)) and "__import__" not in key
    return type(key) in (int, bool)


def _holds(text: Any, check: Callable[[ast.AST], bool]) -> bool:
    """Whether a text is one line of one Python expression that passes a check."""
    if not isinstance(text, str) or len(text) > MOST_TEXT or not text.isascii():
        return False
    if not text.isprintable() or text != text.strip():
        return False
    try:
        return check(ast.parse(text, mode="eval").body)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False


def _is_number(node: ast.AST) -> bool:
    if not isinstance(node, ast.Constant):
        return False
    if type(node.value) is int:
        return abs(node.value) < 10**20
    return type(node.value) in (float, bool)


def _is_power(base: ast.AST, exponent: ast.AST) -> bool:
    """Whether a power is small: a whole exponent, and no power inside of the base."""
    if isinstance(exponent, ast.Call) and len(exponent.args) == 1:
        exponent = exponent.args[0]  # Integer(2)
    if isinstance(exponent, ast.UnaryOp):
        exponent = exponent.operand
    whole = isinstance(exponent, ast.Constant) and type(exponent.value) is int
    if not whole or abs(exponent.value) > _MOST_POWER:  # type: ignore[attr-defined]
        return False
    return not any(_raises(node) for node in ast.walk(base))


def _raises(node: ast.AST) -> bool:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return node.func.id in _POWERS
    return isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow)


def _is_binary(node: ast.BinOp, check: Callable[[ast.AST], bool]) -> bool:
    if isinstance(node.op, ast.Pow) and not _is_power(node.left, node.right):
        return False
    return isinstance(node.op, _ARITHMETIC) and check(node.left) and check(node.right)


def _is_term(node: ast.AST) -> bool:
    """Whether a node is arithmetic of numbers and names."""
    match node:
        case ast.Name(id=name):
            return is_name(name)
        case ast.Constant():
            return _is_number(node)
        case ast.BinOp():
            return _is_binary(node, _is_term)
        case ast.UnaryOp(op=op, operand=operand):
            return isinstance(op, _UNARY) and _is_term(operand)
        case ast.Compare(left=left, comparators=others):
            return all(map(_is_term, (left, *others)))
        case ast.Call(func=ast.Name(id=name), args=args, keywords=more):
            return _is_call(name, args, more)
        case _:
            return False


def _is_call(name: str, args: list[ast.expr], more: list[ast.keyword]) -> bool:
    """Whether a call is of a known function of numbers."""
    if name == "Symbol":
        of = [arg.value for arg in args if isinstance(arg, ast.Constant)]
        flags = all(one.arg and isinstance(one.value, ast.Constant) for one in more)
        return flags and len(args) == 1 and len(of) == 1 and is_name(of[0])
    if name == "Float":
        return all(isinstance(one, ast.Constant) for one in args) and all(
            one.arg == "precision" and _is_number(one.value) for one in more
        )
    if name not in _FUNCTIONS or more:
        return False
    if name in _POWERS and not (len(args) == 2 and _is_power(*args)):
        return False
    return all(map(_is_term, args))


def _is_guard_term(node: ast.AST) -> bool:
    """Whether a node compares or computes with sizes of inputs."""
    match node:
        case ast.BoolOp(values=values):
            return all(map(_is_guard_term, values))
        case ast.Compare(left=left, comparators=others):
            return all(map(_is_guard_term, (left, *others)))
        case ast.BinOp():
            return _is_binary(node, _is_guard_term)
        case ast.UnaryOp(op=op, operand=operand):
            return isinstance(op, _UNARY) and _is_guard_term(operand)
        case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
            known = name in _GUARD_FUNCTIONS or name in _FUNCTIONS - {"Symbol"}
            return known and all(map(_is_guard_term, args))
        case ast.Call(func=ast.Attribute(), args=args, keywords=[]):
            return _is_method(node) and all(map(_is_guard_term, args))
        case ast.Constant(value=value):
            return value is None or _is_number(node)
        case _:
            return _is_input(node)


def _is_method(node: ast.Call) -> bool:
    """Whether a call asks an input for its size, or is of a function of numbers."""
    assert isinstance(node.func, ast.Attribute)
    owner, name = node.func.value, node.func.attr
    if isinstance(owner, ast.Name) and owner.id == "math":
        return is_name(name)
    if isinstance(owner, ast.Name) and owner.id == "torch":
        return name.startswith("sym_") or name == "_sym_sqrt"
    return name in _GUARD_METHODS and not node.args and _is_input(owner)


def _is_input(node: ast.AST) -> bool:
    """Whether a node is an input, a part of one or its size."""
    match node:
        case ast.Name(id="L"):
            return True
        case ast.Attribute(value=ast.Name(id="math"), attr="inf" | "nan" | "pi"):
            return True
        case ast.Attribute(value=value, attr="shape"):
            return _is_input(value)
        case ast.Subscript(value=value, slice=ast.Constant(value=key)):
            return _is_key(key) and (
                _is_method(value) if isinstance(value, ast.Call) else _is_input(value)
            )
        case _:
            return False
