"""Web page for one's own images, videos and camera, served to this machine.

Gradio, which it is made with, is an optional requirement. It is imported by
:func:`serve`, after its settings are in the environment.
"""
