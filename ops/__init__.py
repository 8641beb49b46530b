"""What operates a running installation from outside. It speaks to monitoring and to the engine that
runs the containers, never to the services' insides."""
