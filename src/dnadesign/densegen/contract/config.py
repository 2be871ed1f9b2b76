"""The config of a design run as validated values; unknown keys and loose types are refused.

``DesignConfig.model_json_schema()`` is the schema that editors use and that the reference is generated from,
so every field says what it means.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from dnadesign.densegen.contract.sequences import DNA, IUPAC
from dnadesign.densegen.contract.wording import counted

SCHEMA_VERSION = 1
LIBRARY_SIZE_CAP = 16

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_DATASET = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9][A-Za-z0-9_.-]*)?")


def _name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("expected letters, digits, '_', '.', '-', beginning with a letter or digit")
    return value


def _dataset(value: str) -> str:
    if not _DATASET.fullmatch(value):
        raise ValueError("expected 'name' or 'group/name' of letters, digits, '_', '.', '-'")
    return value


def _label(value: str) -> str:
    if not value or value != value.strip():
        raise ValueError("expected a text without white space around it")
    return value


def _dna(value: str) -> str:
    if not value or not set(value) <= DNA:
        raise ValueError("expected a sequence of A, C, G, T in upper case")
    return value


def _iupac(value: str) -> str:
    if not value or not set(value) <= set(IUPAC):
        raise ValueError("expected a sequence of IUPAC symbols (ACGTRYSWKMBDHVN) in upper case")
    return value


def _pair(value: Any) -> Any:
    return (value, value) if isinstance(value, int) else tuple(value) if isinstance(value, list) else value


def _ordered[T: (int, float)](value: tuple[T | None, T | None]) -> tuple[T | None, T | None]:
    low, high = value
    if low is not None and high is not None and low > high:
        raise ValueError(f"the lower bound {low} is above the upper bound {high}")
    return value


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _filled[T](value: tuple[T, ...]) -> tuple[T, ...]:
    if not value:
        raise ValueError("expected at least one")
    return value


FromList = BeforeValidator(_frozen)
# Not Field(min_length=1): that counts what is left when faulty items are taken out, and complains twice.
Filled = AfterValidator(_filled)
Name = Annotated[str, AfterValidator(_name)]
DatasetName = Annotated[str, AfterValidator(_dataset)]
Label = Annotated[str, AfterValidator(_label)]
Dna = Annotated[str, AfterValidator(_dna)]
Kmer = Annotated[str, AfterValidator(_iupac)]
Count = Annotated[int, Field(ge=1)]
Bound = Annotated[int, Field(ge=0)]
Interval = Annotated[
    tuple[Bound | None, Bound | None],
    BeforeValidator(_pair, json_schema_input_type=int | list[int | None]),
    AfterValidator(_ordered),
]
Fraction = Annotated[float, Field(ge=0, le=1)]
GcRange = Annotated[
    tuple[Fraction, Fraction],
    BeforeValidator(_pair, json_schema_input_type=list[float]),
    AfterValidator(_ordered),
]
LengthRange = Annotated[
    tuple[Count, Count],
    BeforeValidator(_pair, json_schema_input_type=int | list[int]),
    AfterValidator(_ordered),
]


BROKEN_RULE = "broken_rule"
"""The type of a fault that values have together, each of which is one that the key can have."""


def broken_rule(message: str, *, of: tuple[str, ...]) -> PydanticCustomError:
    """The error for values of a section that do not go together; ``of`` are the keys that have them."""
    return PydanticCustomError(BROKEN_RULE, "{message}", {"message": message, "of": of})


class Section(BaseModel):
    """Common rules of all parts of the config: frozen, no unknown keys, no coercion."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class RunSection(Section):
    """Which run this is."""

    id: Name = Field(description="Name of the run; stands in every row and batch that it writes.")
    seed: Annotated[int, Field(ge=0, lt=2**63)] = Field(
        description="All random choices follow from it; a new run.id alone changes none of them."
    )


class SiteColumns(Section):
    """Which columns of a table of sites hold what."""

    tf: str = Field(default="tf", description="Column with the factor's name.")
    tfbs: str = Field(default="tfbs", description="Column with the site's sequence.")
    site_id: str | None = Field(default=None, description="Column with the site's own name, if there is one.")
    source: str | None = Field(default=None, description="Column with the site's source, if there is one.")


class SitesInput(Section):
    """A table of binding sites, one a row."""

    name: Name = Field(description="Name that plans use for this input.")
    kind: Literal["sites"] = Field(description="A table of sites.")
    path: str = Field(description="File, relative to the config file.")
    format: Literal["csv", "tsv"] = Field(default="csv", description="How the table is written.")
    columns: SiteColumns = Field(default=SiteColumns(), description="Column names of the table.")


class PwmInput(Section):
    """Binding sites drawn at random from position weight matrices."""

    name: Name = Field(description="Name that plans use for this input.")
    kind: Literal["pwm"] = Field(description="Sites drawn from matrices.")
    path: str = Field(description="File with one or more matrices, relative to the config file.")
    format: Literal["meme", "jaspar"] = Field(description="How the matrices are written.")
    count: Count = Field(description="How many different sites to draw from each matrix.")
    min_score_fraction: Fraction = Field(
        default=0.6,
        description="Keep sites that score at least this share of the matrix's best log-odds score.",
    )


class BackgroundInput(Section):
    """Neutral stretches drawn at random, which hold no site of the other inputs."""

    name: Name = Field(description="Name that plans use for this input, and the label of its parts.")
    kind: Literal["background"] = Field(description="Neutral stretches.")
    count: Count = Field(description="How many different stretches to draw.")
    length: LengthRange = Field(description="Length in bases, or [shortest, longest].")
    gc: GcRange = Field(default=(0.4, 0.6), description="Share of G and C, [least, most].")


Input = Annotated[SitesInput | PwmInput | BackgroundInput, Field(discriminator="kind")]


class TargetSection(Section):
    """What a finished design looks like."""

    length: Count = Field(description="Length of a design in bases.")
    mode: Literal["pad", "exact", "max"] = Field(
        default="pad",
        description="pad: pack up to the length, then fill up; exact: the packing itself has the length; "
        "max: designs may be shorter.",
    )
    strands: Literal["double", "single"] = Field(
        default="double", description="Whether sites may be placed on the reverse strand too."
    )


class LibrarySection(Section):
    """How many sites, and which, one solve is offered."""

    size: Count = Field(default=10, description="Sites a library; solving time grows steeply with it.")
    allow_large: bool = Field(default=False, description=f"Allow a size above {LIBRARY_SIZE_CAP}.")
    strategy: Literal["balanced", "coverage", "uniform"] = Field(
        default="balanced",
        description="balanced: factors get equal shares, sites at random; coverage: equal shares, and each site "
        "is offered equally often; uniform: every site is equally likely.",
    )
    unique_sequences: bool = Field(
        default=True,
        description="Offer a sequence (or, on two strands, its reverse complement) only once a library.",
    )
    max_per_tf: Count | None = Field(default=None, description="Most sites of one factor in a library.")
    solutions_per_library: Count = Field(default=1, description="Most designs to ask from one library.")
    max_libraries: Count | None = Field(default=None, description="Most libraries a plan.")

    @model_validator(mode="after")
    def _size_within_cap(self) -> LibrarySection:
        if self.size > LIBRARY_SIZE_CAP and not self.allow_large:
            raise broken_rule(
                f"size {self.size} is above {LIBRARY_SIZE_CAP}, where solving takes long; "
                "set allow_large: true to have it anyway",
                of=("size", "allow_large"),
            )
        return self


class Group(Section):
    """Some factors of which a number must be in each design."""

    name: Name = Field(description="Name of the group, for messages.")
    members: Annotated[tuple[Label, ...], FromList, Filled] = Field(
        description="Factors (or background inputs) of the group."
    )
    min_required: Count = Field(description="How many different members each design holds at least.")

    @model_validator(mode="after")
    def _members_suffice(self) -> Group:
        said, different = [], len(set(self.members))
        if different != len(self.members):
            said.append("a member is listed twice")
        if self.min_required > different:
            said.append(f"min_required {self.min_required} is more than the {counted(different, 'member')}")
        if said:
            raise broken_rule("; ".join(said), of=("members", "min_required"))
        return self


class PromoterPositions(Section):
    """Where the elements of a promoter may start, 0-based on the finished design."""

    upstream: Interval = Field(
        default=(None, None), description="Start of the upstream element, or [first, last]."
    )
    downstream: Interval = Field(
        default=(None, None), description="Start of the downstream element, or [first, last]."
    )


class Promoter(Section):
    """Two elements on the forward strand at a given spacing, such as a sigma-70 -35/-10 pair."""

    name: Name = Field(description="Name of the promoter.")
    upstream: Dna = Field(description="The upstream element, such as TTGACA.")
    downstream: Dna = Field(description="The downstream element, such as TATAAT.")
    spacer: Interval = Field(description="Bases between the two, or [fewest, most].")
    positions: PromoterPositions = Field(
        default=PromoterPositions(), description="Where the elements may start."
    )


class SideBiases(Section):
    """Factors whose sites go towards an end, other things being equal."""

    left: Annotated[tuple[Label, ...], FromList] = Field(default=(), description="Towards the 5' end.")
    right: Annotated[tuple[Label, ...], FromList] = Field(default=(), description="Towards the 3' end.")


class Plan(Section):
    """One kind of design, and how many of it."""

    name: Name = Field(description="Name of the plan.")
    quota: Count = Field(description="How many designs to make.")
    inputs: Annotated[tuple[Name, ...], FromList, Filled] = Field(
        description="Inputs that the sites come from."
    )
    tfs: Annotated[tuple[Label, ...], FromList] | None = Field(
        default=None, description="Use only sites of these factors; without it, of all in the inputs."
    )
    groups: Annotated[tuple[Group, ...], FromList] = Field(
        default=(), description="Groups of factors with a required number."
    )
    min_count: dict[Label, Count] = Field(
        default={}, description="Factor: fewest sites of it in each design."
    )
    promoters: Annotated[tuple[Promoter, ...], FromList] = Field(
        default=(), description="Promoters that each design holds."
    )
    side_biases: SideBiases = Field(default=SideBiases(), description="Factors that go towards an end.")

    @property
    def constrained(self) -> bool:
        """Whether the plan asks for anything beyond packing densely."""
        return bool(self.groups or self.min_count or self.promoters or self.side_biases != SideBiases())


class PadSection(Section):
    """How a packing that is shorter than the target is filled up."""

    end: Literal["5prime", "3prime", "both"] = Field(
        default="3prime", description="Which end gets the padding."
    )
    gc: GcRange = Field(default=(0.3, 0.7), description="Share of G and C in the padding, [least, most].")
    max_tries: Count = Field(
        default=200, description="Random paddings to try before the packing is given up."
    )


class FinalSection(Section):
    """What a packing has to pass to become a design."""

    pad: PadSection = Field(default=PadSection(), description="Padding.")
    forbid_kmers: Annotated[tuple[Kmer, ...], FromList] = Field(
        default=(), description="Sequences (IUPAC) that no design holds on either strand."
    )
    unique: Literal["sequence", "revcomp"] = Field(
        default="sequence",
        description="sequence: no sequence twice; revcomp: nor the reverse complement of one that is there.",
    )


class SolverSection(Section):
    """Which solver packs, and how long it may take."""

    backend: Literal["CP_SAT", "SCIP", "CBC"] = Field(
        default="CP_SAT", description="Solver behind dense-arrays."
    )
    strategy: Literal["iterate", "diverse", "greedy"] = Field(
        default="iterate",
        description="iterate: best packing first; diverse: favours sites used less; greedy: fast, proves nothing, "
        "only for plans without constraints.",
    )
    time_limit_s: Annotated[float, Field(gt=0, le=86400)] = Field(
        default=30.0, description="Seconds a packing."
    )
    workers: Annotated[int, Field(ge=1, le=256)] = Field(default=1, description="Solver processes.")
    reproducible: bool = Field(
        default=False,
        description="Count the time limit in the solver's own steps, so that the same config gives the same designs "
        "on every machine (CP_SAT only).",
    )

    @model_validator(mode="after")
    def _reproducible_backend(self) -> SolverSection:
        if self.reproducible and self.backend != "CP_SAT":
            raise broken_rule(
                f"reproducible: true needs backend CP_SAT; {self.backend} counts its limit in wall time",
                of=("reproducible", "backend"),
            )
        return self


class LimitsSection(Section):
    """When to give up on a quota."""

    attempts: Count | None = Field(default=None, description="Most packings and failures a plan.")
    seconds: Annotated[float, Field(gt=0)] | None = Field(
        default=None, description="Most wall time of one start."
    )
    empty_libraries: Count = Field(default=50, description="Most libraries in a row that give no design.")


class OutputSection(Section):
    """Where the designs go."""

    root: str = Field(description="Root folder of the usr datasets, relative to the config file.")
    dataset: DatasetName = Field(description="Dataset, 'name' or 'group/name'.")
    chunk_size: Count = Field(
        default=100,
        description="Designs a transaction; more where they are made quicker than written, so that writing takes a "
        "twentieth of the time at most. A kill loses those not yet in.",
    )
    existing: Literal["skip", "annotate"] = Field(
        default="skip",
        description="Designs that the dataset has from elsewhere. skip: make others; annotate: take them, where they "
        "have no densegen row yet.",
    )
    npz: Annotated[tuple[Literal["occupancy", "score_tracks"], ...], FromList] = Field(
        default=(),
        description="Arrays to store beside each design. occupancy: int16[tf, L], placed sites over each base; "
        "score_tracks: float32[tf, 2, L], score in bits of each matrix starting at each base, both strands.",
    )


class DesignConfig(Section):
    """The whole config of a design run."""

    schema_version: Literal[1] = Field(description="Version of this config format.")
    run: RunSection = Field(description="Name and seed of the run.")
    inputs: Annotated[tuple[Input, ...], FromList, Filled] = Field(description="Where sites come from.")
    target: TargetSection = Field(description="Length and strands of a design.")
    library: LibrarySection = Field(default=LibrarySection(), description="What one solve is offered.")
    plans: Annotated[tuple[Plan, ...], FromList, Filled] = Field(description="What to make, in this order.")
    final: FinalSection = Field(default=FinalSection(), description="What a packing has to pass.")
    solver: SolverSection = Field(default=SolverSection(), description="Which solver packs.")
    limits: LimitsSection = Field(default=LimitsSection(), description="When to give up.")
    output: OutputSection = Field(description="The dataset that the designs go into.")

    def plan(self, name: str) -> Plan:
        """The plan of that name; ``KeyError`` if there is none."""
        for plan in self.plans:
            if plan.name == name:
                return plan
        raise KeyError(name)
