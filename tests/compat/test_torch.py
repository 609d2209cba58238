"""What is relied on of torch although it is not public: a release that changes it fails here."""

import pytest
import torch
from torch import fx

from pennylane_qizgloria._compat import torch as compat

aten = torch.ops.aten


def test_transforms_are_seen():
    """Transforms of torch.func are at work inside of them, and not outside."""
    seen = []

    def function(x):
        seen.append(compat.is_vmapped_or_differentiated())
        return (x**2).sum()

    torch.func.vmap(function)(torch.ones(2, 3))
    torch.func.grad(function)(torch.ones(3))
    function(torch.ones(3))
    assert seen == [True, True, False]


def test_tensors_of_transforms_are_told_from_others():
    """Tensors that torch.func hands out are its own; outside of transforms none is."""
    seen = []

    def function(x):
        seen.append(compat.belongs_to_transform(x))
        with compat.outside_transforms():
            made = torch.ones(3) + 1
        seen.append(compat.belongs_to_transform(made))
        seen.append(compat.is_vmapped_or_differentiated())
        return (x * made).sum()

    assert torch.equal(torch.func.grad(function)(torch.ones(3)), torch.full((3,), 2.0))
    assert seen == [True, False, True]


def test_vectorised_derivatives_are_seen():
    """Autograd's own vectorisation is seen while cotangents and tangents are pulled and pushed."""
    seen = []

    class Double(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            seen.append(("forward", compat.is_vmapped_or_differentiated()))
            return 2 * x

        @staticmethod
        def backward(ctx, cotangent):
            seen.append(("backward", compat.is_vmapped_or_differentiated()))
            return 2 * cotangent

        @staticmethod
        def jvp(ctx, tangent):
            return 2 * tangent

    x = torch.ones(3, requires_grad=True)
    y = Double.apply(x)
    torch.autograd.grad(y, x, torch.eye(3), is_grads_batched=True, retain_graph=True)
    torch.autograd.grad(y, x, torch.ones(3))
    torch.autograd.functional.jacobian(Double.apply, x, vectorize=True, strategy="forward-mode")
    calls = [("forward", False), ("backward", True), ("backward", False), ("forward", True)]
    assert seen == calls
    assert not compat.is_vmapped_or_differentiated()


def test_forward_mode_is_seen():
    """Forward mode is at work within a level of dual numbers."""
    with torch.autograd.forward_ad.dual_level():
        assert compat.is_forward_mode()
    assert not compat.is_forward_mode()


def test_what_has_values():
    """Numbers can be looked at under grad and jvp, not where there is a batch or no number."""
    seen = []

    def function(x):
        seen.append(compat.has_values(x))
        return x.sum()

    x = torch.ones(2)
    torch.func.grad(function)(x)
    torch.func.jvp(function, (x,), (x,))
    torch.func.vmap(function)(x[None])
    torch.func.vmap(torch.func.grad(function))(x[None])
    torch.func.grad(lambda y: torch.func.vmap(function)(y[None]).sum())(x)
    assert seen == [True, True, False, False, False]
    assert not compat.has_values(torch.ones(2, device="meta"))
    with torch._subclasses.FakeTensorMode():
        assert not compat.has_values(torch.ones(2))


def test_fake_tensors_come_to_exported_modules():
    """torch.export calls modules with fake tensors."""
    seen = []

    class Module(torch.nn.Module):
        def forward(self, x):
            seen.append(isinstance(x, compat.FakeTensor))
            return x + 1

    torch.export.export(Module(), (torch.ones(2),))
    assert all(seen)
    assert seen


def test_what_is_untraced_is_not_recorded():
    """torch.jit.trace takes what is computed there for a constant, and goes on afterwards."""

    def function(x):
        with compat.untraced():
            assert not torch.jit.is_tracing()
            one = torch.cos(torch.zeros(()))
        assert torch.jit.is_tracing()
        return torch.sin(x) + one

    graph = str(torch.jit.trace(function, torch.ones(2), check_trace=False).graph)
    assert "aten::sin" in graph
    assert "aten::cos" not in graph


def test_versions_count_writing():
    """Writing in place changes the version of a tensor, and of its views."""
    x = torch.zeros(2)
    view, before = x[:1], compat.version_of(x)
    view.add_(1)
    assert compat.version_of(x) == compat.version_of(view) > before


@pytest.mark.parametrize(
    ("operation", "other"),
    [(aten.add_.Tensor, aten.add.Tensor), (aten.relu_.default, aten.relu.default)],
)
def test_operations_in_place(operation, other):
    """Writing operations are known, and what they are called where they do not write."""
    assert compat.is_mutating(operation)
    assert not compat.is_mutating(other)
    assert compat.out_of_place(operation) is other


def test_the_first_node():
    """Nodes can be put in front of all others, in an empty graph, too."""
    graph = fx.Graph()
    for name in ("b", "a"):
        with graph.inserting_before(compat.first_node(graph)):
            graph.placeholder(name)
    assert [node.name for node in graph.nodes] == ["a", "b"]


def test_leaves_of_trees():
    """All tensors in nested arguments are found."""
    assert compat.tree_leaves(([1, {"x": 2}], (3,))) == [1, 2, 3]


def test_dispatch_modes_see_operations():
    """A mode sees operations below automatic differentiation."""
    seen = []

    class Mode(compat.TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            seen.append(func)
            return func(*args, **(kwargs or {}))

    with Mode():
        torch.ones(2) @ torch.ones(2)
    assert aten.dot.default in seen
    assert compat.UNSAFE_VIEW.name() == "aten::_unsafe_view"
