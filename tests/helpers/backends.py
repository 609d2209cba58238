"""A Qiskit backend of a provider that is neither IBM nor Aer."""

from qiskit.circuit import Measure, Parameter
from qiskit.circuit.library import CZGate, RXGate, RZGate
from qiskit.providers import BackendV2, Options
from qiskit.providers.basic_provider import BasicSimulator
from qiskit.transpiler import Target


class PlainBackend(BackendV2):
    """Three ideal qubits in a row.

    ``failures`` are raised by the next calls of ``run``, one each, before anything runs.
    """

    def __init__(self, max_circuits=None, failures=()):
        super().__init__(name="plain")
        self.failures = list(failures)
        self.runs = []
        self._max_circuits = max_circuits
        self._target = Target(num_qubits=3)
        for gate in (RXGate(Parameter("t")), RZGate(Parameter("t")), Measure()):
            self._target.add_instruction(gate, {(i,): None for i in range(3)})
        self._target.add_instruction(CZGate(), {(0, 1): None, (1, 2): None})

    @property
    def target(self):
        return self._target

    @property
    def max_circuits(self):
        return self._max_circuits

    @classmethod
    def _default_options(cls):
        return Options(shots=1024)

    def run(self, circuits, **options):
        if self.failures:
            raise self.failures.pop(0)
        self.runs.append(options)
        return BasicSimulator().run(circuits, **options)
