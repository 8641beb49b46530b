"""From pictures and questions to the weights in `demo_model/checkpoint/`."""
