import copy

import pytest
import torch
import torch.nn.functional as F
from mmengine.registry import TASK_UTILS
from torch.testing import assert_close

from fer_ssl.models.feedback import ExpectedFeedback
from fer_ssl.models.feedback.probes import logits_of, replayed_random_numbers
from tests.helpers.recorder import Recorder


def reference_step(model, batch, student_lr, weight, targets_of):
    """One iteration of paper A written out on copies of the networks."""
    teacher, student = model.teacher, model.student
    preprocess = model.data_preprocessor
    labeled = preprocess(batch['labeled'], True)
    faces = labeled['inputs']
    labels = torch.cat([s.gt_label for s in labeled['data_samples']])
    weak, strong = (
        preprocess(dict(inputs=v), True)['inputs']
        for v in batch['unlabeled']['inputs']
    )
    logits = teacher(torch.cat([faces, weak, strong]))
    logits_l, logits_w, logits_s = logits[:6], logits[6:14], logits[14:]
    targets = targets_of(logits_w)
    loss_u = F.cross_entropy(student(strong), targets)
    params = list(student.parameters())
    grads_u = torch.autograd.grad(loss_u, params)
    # The first step of SGD with Nesterov momentum .9: g + .9 g.
    with torch.no_grad():
        for p, g in zip(params, grads_u):
            p -= student_lr * 1.9 * g
    stats = copy.deepcopy(dict(student.named_buffers()))
    loss_l = F.cross_entropy(student(faces), labels)
    grads_l = torch.autograd.grad(loss_l, params)
    for name, value in student.named_buffers():
        value.copy_(stats[name])
    feedback = student_lr * sum(
        (a * b).sum() for a, b in zip(grads_l, grads_u)
    )
    losses = dict(
        loss_supervised=F.cross_entropy(logits_l, labels),
        loss_consistency=F.cross_entropy(
            logits_s, logits_w.detach().softmax(1)
        ),
        loss_feedback=weight * feedback * F.cross_entropy(logits_w, targets),
    )
    grads = torch.autograd.grad(
        sum(losses.values()), list(teacher.parameters())
    )
    with torch.no_grad():
        for p, g in zip(teacher.parameters(), grads):
            p -= 0.05 * 1.9 * g
    return model, loss_u, feedback, losses


@pytest.mark.parametrize('kind', ['argmax', 'sample'])
def test_one_iteration_equals_the_written_out_one(
    spatial_config, build_runner, kind
):
    runner = build_runner(
        spatial_config,
        **{'train_cfg.max_iters': 1, 'train_cfg.pseudo_label': kind},
    )
    recorder = Recorder(at=0)
    runner.register_hook(recorder)
    trained = runner.train()
    loop = runner.train_loop
    loop._iter = 0

    def targets_of(logits):
        probs = logits.detach().softmax(1)
        label = probs.argmax(1)
        if kind == 'sample':
            label = (
                torch.searchsorted(
                    probs.cumsum(1), loop._uniform(8)[:, None], right=True
                )
                .clamp(max=2)
                .squeeze(1)
            )
        return F.one_hot(label, 3).float()

    model, loss_u, feedback, losses = reference_step(
        recorder.model, recorder.batch, 0.02, 2.0, targets_of
    )
    outputs = recorder.outputs[0]
    assert outputs['student/loss'] == pytest.approx(loss_u.item(), rel=1e-5)
    assert outputs['feedback/mean'] == pytest.approx(feedback.item(), rel=1e-3)
    for name, loss in losses.items():
        assert outputs[f'teacher/{name}'] == pytest.approx(
            loss.item(), rel=1e-3, abs=1e-7
        )
    expected = model.state_dict()
    for name, value in trained.state_dict().items():
        if not name.endswith('num_batches_tracked'):
            assert_close(value, expected[name], rtol=1e-4, atol=1e-6)


def test_student_statistics_follow_its_own_faces_alone(
    spatial_config, build_runner
):
    runner = build_runner(spatial_config, **{'train_cfg.max_iters': 4})
    student = runner.train().student
    counts = [
        value.item()
        for name, value in student.named_buffers()
        if name.endswith('num_batches_tracked')
    ]
    assert set(counts) == {4}


def test_resume_equals_an_uninterrupted_run(spatial_config, build_runner):
    whole = build_runner(spatial_config).train().state_dict()
    work_dir = spatial_config.work_dir
    resumed = build_runner(
        spatial_config,
        load_from=f'{work_dir}/iter_3.pth',
        resume=True,
        work_dir=f'{work_dir}_2',
    )
    for name, value in resumed.train().state_dict().items():
        assert torch.equal(value, whole[name]), name
    assert resumed.iter == 6


def test_without_feedback(spatial_config, build_runner):
    runner = build_runner(spatial_config, **{'train_cfg.feedback': None})
    recorder = Recorder(at=0)
    runner.register_hook(recorder)
    runner.train()
    assert not any('feedback' in name for name in recorder.outputs[0])


def test_logs_and_validation_of_both_networks(spatial_config, build_runner):
    runner = build_runner(spatial_config, **{'train_cfg.val_interval': 6})
    recorder = Recorder(at=0)
    runner.register_hook(recorder)
    runner.train()
    outputs = recorder.outputs[0]
    fractions = [
        value
        for name, value in outputs.items()
        if name.startswith('pseudo_label/fraction_')
    ]
    assert sum(fractions) == pytest.approx(1)
    assert 0 <= outputs['pseudo_label/accuracy'] <= 1
    assert 1 / 3 <= outputs['pseudo_label/confidence'] <= 1
    scalars = runner.message_hub.log_scalars
    for network in ('student', 'teacher'):
        for name in ('macro_f1', 'uar', 'accuracy', 'f1_anger'):
            assert f'val/{network}/{name}' in scalars


def test_logit_adjustment_takes_the_prior_out(spatial_config, build_runner):
    """L_u uses adjusted logits; a resumed run keeps the prior."""
    options = {
        'train_cfg.logit_adjustment': 0.5,
        'train_cfg.student_view': 'weak',
        'train_cfg.pseudo_label': 'argmax',
    }
    runner = build_runner(spatial_config, **options)
    recorder = Recorder(at=0)
    runner.register_hook(recorder)
    runner.train()
    names = runner.train_loop.classes
    shares = [recorder.outputs[0][f'pseudo_label/fraction_{n}'] for n in names]
    prior = 0.99 / 3 + 0.01 * torch.tensor(shares)
    model = recorder.model
    views = recorder.batch['unlabeled']['inputs']
    faces = [recorder.batch['labeled']['inputs'], *views]
    inputs = [
        model.data_preprocessor(dict(inputs=x), True)['inputs'] for x in faces
    ]
    targets = model.teacher(torch.cat(inputs))[6:14].argmax(1)
    logits = model.student(inputs[1])
    loss = F.cross_entropy(logits + 0.5 * prior.log(), targets)
    assert recorder.outputs[0]['student/loss'] == pytest.approx(
        loss.item(), rel=1e-5
    )

    whole = runner.message_hub.get_info('pseudo_label_prior')
    resumed = build_runner(
        spatial_config,
        **options,
        load_from=f'{spatial_config.work_dir}/iter_3.pth',
        resume=True,
        work_dir=f'{spatial_config.work_dir}_2',
    )
    resumed.train()
    prior = resumed.message_hub.get_info('pseudo_label_prior')
    assert prior.sum() == pytest.approx(1)
    assert_close(prior, whole, atol=0, rtol=0)


def test_soft_labels_and_weak_view(spatial_config, build_runner):
    runner = build_runner(
        spatial_config,
        **{
            'train_cfg.pseudo_label': 'soft',
            'train_cfg.feedback': 'expected',
            'train_cfg.student_view': 'weak',
            'train_cfg.max_iters': 2,
        },
    )
    runner.train()
    assert runner.iter == 2


@pytest.mark.parametrize('name', ['pseudo_label', 'student_view'])
def test_wrong_option(spatial_config, build_runner, name):
    runner = build_runner(spatial_config, **{f'train_cfg.{name}': 'hard'})
    with pytest.raises(ValueError, match=name):
        runner.train()


def test_unlabeled_loader_without_two_views(spatial_config, build_runner):
    pipeline = spatial_config.val_dataloader.dataset.pipeline
    spatial_config.train_cfg.unlabeled_dataloader.dataset.pipeline = pipeline
    with pytest.raises(ValueError, match='two views'):
        build_runner(spatial_config).train()


def test_loss_mode_names_the_loop(spatial_config, build_runner):
    model = build_runner(spatial_config).model
    with pytest.raises(ValueError, match='MetaPseudoLabelLoop'):
        model(torch.zeros(1, 3, 32, 32), mode='loss')


@TASK_UTILS.register_module()
class FeedbackThatRepeatsTheStep(ExpectedFeedback):
    """Compares the gradients of a repeated pass with those of the step."""

    compared = 0

    def before_student_step(self, student, batches, scale):
        super().before_student_step(student, batches, scale)
        with replayed_random_numbers(self.seed, batches[0].view.device):
            losses = [
                F.cross_entropy(logits_of(student, b.view) + b.bias, b.targets)
                for b in batches
            ]
        parameters = list(student.parameters())
        loss = torch.stack(losses).mean()
        gradients = torch.autograd.grad(loss, parameters)
        for parameter, gradient in zip(parameters, gradients):
            assert_close(parameter.grad, gradient, rtol=1e-4, atol=1e-6)
        self.compared += 1


@pytest.mark.parametrize('accumulation', [1, 2])
def test_feedback_sees_the_stochastic_depth_of_the_step(
    spatial_config, build_runner, accumulation
):
    spatial_config.model.network.backbone.drop_path_rate = 0.5
    spatial_config.train_cfg.update(
        feedback=dict(type='FeedbackThatRepeatsTheStep'),
        accumulation=accumulation,
        max_iters=3,
    )
    runner = build_runner(spatial_config)
    runner.train()
    assert runner.train_loop.feedback.compared == 3


def test_the_teacher_keeps_its_stochastic_depth(spatial_config, build_runner):
    """Labels and L_f come from the same network, also with micro-batches."""
    spatial_config.model.network.backbone.drop_path_rate = 0.5
    spatial_config.train_cfg.update(
        accumulation=2, max_iters=1, pseudo_label='soft', feedback='expected'
    )
    runner = build_runner(spatial_config)
    loop, logits = runner.train_loop, []
    predict = loop._predict

    def record(*args, **kwargs):
        found = predict(*args, **kwargs)
        logits.append(found.weak.detach())
        return found

    loop._predict = record
    runner.train()
    assert len(logits) == 4
    assert_close(logits[:2], logits[2:])
    assert not torch.allclose(logits[0], logits[1])


def test_label_noise_and_what_the_feedback_notices(
    spatial_config, build_runner
):
    """With a noise of 1 every label becomes another one."""
    cfg = spatial_config
    cfg.train_cfg.update(pseudo_label='argmax', feedback='per_sample')
    accuracies = []
    for noise in (0.0, 1.0):
        cfg.train_cfg.label_noise = noise
        runner = build_runner(cfg, **{'train_cfg.max_iters': 3})
        recorder = Recorder()
        runner.register_hook(recorder)
        runner.train()
        logs = recorder.outputs
        accuracies.append(logs[0]['pseudo_label/accuracy'])
        for log in logs:
            assert 0 <= log['feedback/auc'] <= 1
        assert len({log['feedback/auc'] for log in logs}) > 1
    assert accuracies[0] > 0
    # Every label is another one: the correct ones are wrong now.
    assert accuracies[1] <= 1 - accuracies[0]


@pytest.mark.parametrize(
    'options',
    [dict(label_noise=1.5), dict(label_noise=0.2, pseudo_label='soft')],
)
def test_invalid_label_noise(spatial_config, build_runner, options):
    spatial_config.train_cfg.update(options, feedback=None)
    with pytest.raises(ValueError, match='label_noise=.* from 0 to 1'):
        build_runner(spatial_config).train()
