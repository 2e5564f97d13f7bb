"""What a network of several tasks predicts besides expressions."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from ..labels import ABAW_TRACKS
from ..models.heads.expression_task import find_expression_task


def head_of(model: nn.Module) -> nn.Module | None:
    """Return the head of a network; of a teacher and student, the student's.

    It is ``None`` if the network has none.
    """
    own = getattr(model, 'student', model)
    return getattr(model, 'cls_head', getattr(own, 'head', None))


def has_several_tasks(head: nn.Module | None) -> bool:
    """Return whether a head names its tasks; there may be only one."""
    return isinstance(getattr(head, 'tasks', None), nn.ModuleDict)


def ordered_tasks(head: nn.Module) -> dict[str, nn.Module]:
    """Return the tasks of a head by name, expressions first.

    Raises:
        ValueError: The head does not predict expressions.
    """
    expressions = find_expression_task(head)
    if not has_several_tasks(head):
        return {'EXPR': expressions}
    return {name: head.tasks[name] for name in task_order(head.tasks)}


def task_order(names: Iterable[str]) -> list[str]:
    """Return names of tasks in the order of their outputs.

    It is not that of the config, whose text lists the tasks by name.
    """
    first = list(ABAW_TRACKS)  # expressions, valence and arousal, action units
    return sorted(
        names, key=lambda x: (first.index(x) if x in first else len(first), x)
    )


def value_columns(task: str, count: int) -> tuple[str, ...]:
    """Return the names of the outputs of a task, (count,).

    They are those of ABAW, such as valence and arousal, or else numbers.
    """
    columns = ABAW_TRACKS.get(task, ())
    if len(columns) == count:
        return columns
    return tuple(f'{task}_{number}' for number in range(1, count + 1))


def value_names(head: nn.Module | None) -> tuple[str, ...]:
    """Return the names of all outputs of a head besides expressions.

    There are none if the head has a single task.
    """
    if not has_several_tasks(head):
        return ()
    return tuple(
        column
        for name in task_order(head.tasks)
        if name != 'EXPR'
        for column in value_columns(name, head.tasks[name].num_outputs)
    )
