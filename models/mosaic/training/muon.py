"""Muon: momentum whose matrices are orthogonalised by a Newton-Schulz iteration (Jordan 2024), for the inner matrices and convolutions."""
import torch

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def orthogonalised(matrix):
    tall = matrix.shape[0] > matrix.shape[1]
    x = matrix.T if tall else matrix
    x = (x / (x.norm() + 1e-7)).bfloat16()
    a, b, c = NEWTON_SCHULZ
    for _ in range(5):
        gram = x @ x.T
        x = a * x + (b * gram + c * gram @ gram) @ x
    return (x.T if tall else x).float()


class Muon:
    def __init__(self, parameters, momentum=.95, decay=.05):
        self.parameters, self.momentum, self.decay = parameters, momentum, decay
        self.velocity = [torch.zeros_like(p) for p in parameters]

    @torch.no_grad()
    def step(self, rate):
        for parameter, velocity in zip(self.parameters, self.velocity):
            if parameter.grad is None:
                continue
            velocity.mul_(self.momentum).add_(parameter.grad)
            update = (parameter.grad + self.momentum * velocity).reshape(parameter.shape[0], -1)
            stacked = update.shape[0] in (2 * update.shape[1], 3 * update.shape[1])   # q, k and v are separate matrices that share one tensor
            parts = update.split(update.shape[1]) if stacked else [update]
            update = torch.cat([orthogonalised(part) * .2 * max(part.shape) ** .5 for part in parts])
            parameter.mul_(1 - rate * self.decay).sub_(update.reshape(parameter.shape), alpha=rate)
