# teacher_student_sgd.py for runs of a few hundred steps: one larger learning
# rate for both networks, with Nesterov momentum.
_base_ = 'teacher_student_sgd.py'

sgd = dict(type='SGD', lr=0.03, momentum=0.9, nesterov=True, weight_decay=5e-4)
optim_wrapper = dict(teacher=dict(optimizer=sgd), student=dict(optimizer=sgd))
