"""What runs the networks: CPU, GPU, OpenVINO."""
