"""What a training run will cost, in words."""

from __future__ import annotations

import math

from asrkit.training.plan import RunPlan, SetSize

_REJECTIONS_SHOWN = 3


def plan_lines(plan: RunPlan) -> list[str]:
    """Return a plan as lines of a name and what there is to say."""
    memory = "unknown on this system" if plan.peak_mb is None else f"about {plan.peak_mb:,.0f} MB at most"
    return [
        f"training  {_size(plan.train)}",
        f"dev       {_size(plan.dev)}",
        *_refused(plan),
        *_hosts(plan),
        f"network   {plan.num_parameters / 1e6:,.1f} M parameters on {plan.device}",
        f"epoch     {plan.batches_per_epoch:,} batches, {plan.padding:.0%} padding",
        f"time      {spell_time(plan.epoch_s)} an epoch ({spell_time(plan.dev_s)} of it on dev), "
        f"{spell_time(plan.total_s)} for {plan.epochs} epochs",
        f"batches   {plan.making_speed:,.0f} s of speech in a second of one thread, "
        f"{plan.augmenting_share:.0%} of it for augmentation",
        f"memory    {memory}",
        f"measured  {plan.measured_steps} steps; reading all audio, once, takes {spell_time(plan.reading_s)}",
    ]


def spell_time(seconds: float) -> str:
    """Return a duration in the unit people would use."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _size(part: SetSize) -> str:
    return f"{part.utterances:,} utterances, {part.hours:.2f} h"


def _refused(plan: RunPlan) -> list[str]:
    if not plan.rejections:
        return []
    shown = [f"          {rejection.id}: {rejection.reason}" for rejection in plan.rejections[:_REJECTIONS_SHOWN]]
    return [f"refused   {len(plan.rejections):,} utterances, as", *shown]


def _hosts(plan: RunPlan) -> list[str]:
    if plan.num_hosts == 1:
        return []
    share = math.ceil((plan.train.utterances + plan.dev.utterances) / plan.num_hosts)
    return [
        f"hosts     {plan.num_hosts}; each reads and keeps {share:,} utterances, "
        f"{plan.rows_per_device} rows of a batch a device;",
        "          time and memory are of a host like this one, without the traffic between them",
    ]
