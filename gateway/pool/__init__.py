"""The pool of inference replicas: which are ready, which one answers, and how it is asked."""
