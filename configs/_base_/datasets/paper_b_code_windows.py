# Test windows of configs/paper_b/*_code.py: they do not overlap.
code_test = dict(stride=300)
