"""What trainings import, for a fork server to import once for all of them."""

import gc

import matplotlib.pyplot  # noqa: F401
import mmpretrain.datasets  # noqa: F401
import mmpretrain.engine  # noqa: F401
import mmpretrain.evaluation  # noqa: F401
import mmpretrain.models  # noqa: F401
import mmpretrain.visualization  # noqa: F401

import fer_ssl.datasets
import fer_ssl.engine
import fer_ssl.evaluation
import fer_ssl.models
import fer_ssl.visualization  # noqa: F401

# A child need not walk through all of this whenever it collects garbage.
gc.freeze()
