"""What runs a network: OpenVINO or PyTorch, in the number format that suits the machine."""
