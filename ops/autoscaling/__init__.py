"""Replicas by need, on Docker: alerts of Alertmanager scale the service `inference` out and in."""
