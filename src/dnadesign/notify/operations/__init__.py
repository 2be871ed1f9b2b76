"""The verbs of notify: fold, compose, deliver, dispatch, watch, drain."""
