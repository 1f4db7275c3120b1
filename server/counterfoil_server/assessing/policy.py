"""What becomes of usage that no licence covers: by default it is logged and flagged, because evidence comes first."""

from collections.abc import Sequence

from counterfoil.record import Problem, Verdicts, problem
from counterfoil.v1 import assessment_pb2
from counterfoil.v1 import registry_service_pb2 as service


def find_uncovered(verdicts: Verdicts) -> Sequence[Problem]:
    """A problem for each event with an asset whose use is not covered, by position."""
    told = [_tell(assessment_pb2.Verdict.FromString(each)) for each in verdicts.distinct]
    if not any(told):
        return ()
    return [
        Problem(position, "asset_id", problem.NOT_COVERED, told[verdicts.number_of(position)])
        for position in range(verdicts.count)
        if told[verdicts.number_of(position)]
    ]


def _tell(verdict: assessment_pb2.Verdict) -> str:
    for asset in verdict.assets:
        if not asset.covered:
            fault = service.CoverageFault.Name(asset.fault).removeprefix("COVERAGE_FAULT_")
            return f"no licence covers this use ({fault}), and this ledger refuses such usage"
    return ""
