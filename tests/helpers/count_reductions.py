import torch
from mmengine.hooks import Hook
from torch import distributed
from torch.distributed.algorithms.ddp_comm_hooks import default_hooks
from torch.nn.parallel import DistributedDataParallel


class CountReductions(Hook):
    """Logs how many numbers are summed over the ranks in each step.

    ``reduced/ddp``: gradients by DDP; ``reduced/other``: all else.
    """

    priority = 'NORMAL'

    def before_train(self, runner):
        self.counts = dict(ddp=0, other=0, calls=0)
        for module in runner.model.modules():
            # MMSeparateDistributedDataParallel has no reducer of its own.
            if isinstance(module, DistributedDataParallel) and hasattr(
                module, 'reducer'
            ):
                module.register_comm_hook(None, self.count_bucket)
        all_reduce = distributed.all_reduce

        def counted(tensor, *args, **kwargs):
            self.counts['other'] += tensor.numel()
            self.counts['calls'] += 1
            return all_reduce(tensor, *args, **kwargs)

        distributed.all_reduce = counted

    def count_bucket(self, state, bucket):
        count = bucket.buffer().numel()
        self.counts['ddp'] += count
        self.counts['other'] -= count  # this hook's own call
        self.counts['calls'] -= 1
        return default_hooks.allreduce_hook(state, bucket)

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.counts.update(ddp=0, other=0, calls=0)

    def after_train_iter(self, runner, batch_idx, data_batch, outputs):
        for name, count in self.counts.items():
            outputs[f'reduced/{name}'] = torch.tensor(float(count))
