"""Imports of trainings, which a fork server makes once for all of them."""

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

# Garbage collections of the children skip what is imported here.
gc.freeze()
