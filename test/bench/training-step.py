"""The training step of src/trainer-node in PyTorch, to compare speed: same network, weights, batch, loss and optimiser.

Started by training-step.bench.ts with a folder: step.json names every tensor and its place in tensors.f32. Answers each
line of standard input, {batch, variant, steps, fresh}, with a line of JSON; after steps from fresh weights these weights
lie in after.f32.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    """by: "matmul", or "products" summed over the last axis, where a build has no fast product of many small matrices."""

    def __init__(self, size, heads, by):
        super().__init__()
        self.heads, self.by = heads, by
        self.qkv = nn.Linear(size, 3 * size)
        self.o = nn.Linear(size, size)

    def forward(self, x):
        batch, tokens, size = x.shape
        q, k, v = self.qkv(x).view(batch, tokens, 3, self.heads, size // self.heads).permute(2, 0, 3, 1, 4)
        q = q * (size // self.heads) ** -0.5
        if self.by != "products":
            mixed = torch.softmax(q @ k.transpose(-2, -1), -1) @ v
        else:
            weights = torch.softmax((q.unsqueeze(-2) * k.unsqueeze(-3)).sum(-1), -1)
            mixed = (weights.unsqueeze(-1) * v.unsqueeze(-3)).sum(-2)
        return self.o(mixed.transpose(1, 2).reshape(batch, tokens, size))


class Block(nn.Module):
    def __init__(self, size, heads, hidden, by):
        super().__init__()
        self.norm1 = nn.LayerNorm(size)
        self.attention = Attention(size, heads, by)
        self.norm2 = nn.LayerNorm(size)
        self.ffn_in = nn.Linear(size, hidden)
        self.ffn_out = nn.Linear(hidden, size)

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.ffn_out(F.gelu(self.ffn_in(self.norm2(x)), approximate="tanh"))


class Actor(nn.Module):
    """f [B, 768], c [B, 30], omega [B, 1], noise [B, T + 1, A] -> logits [B, A]."""

    def __init__(self, spec, by):
        super().__init__()
        sizes, self.steps, self.clip = spec["sizes"], spec["steps"], spec["clipX0"]
        self.actions, self.times = spec["actions"], sizes["time"]
        self.tokens, self.size = sizes["tokens"], sizes["model"]
        self.position = nn.Parameter(torch.empty(self.tokens, self.size))
        self.blocks = nn.Sequential(
            *(Block(self.size, sizes["heads"], sizes["ffn"], by) for _ in range(sizes["blocks"]))
        )
        self.norm = nn.LayerNorm(self.tokens * self.size)
        widths = sizes["fc"]
        self.fc = nn.Sequential(
            *(m for i, o in zip(widths, widths[1:]) for m in (nn.Linear(i, o), nn.Tanh()))
        )
        self.time = nn.Sequential(
            nn.Linear(self.times, sizes["timeHidden"]), nn.Mish(), nn.Linear(sizes["timeHidden"], self.times)
        )
        self.eps_in = nn.Linear(self.actions + self.times + sizes["state"], sizes["hidden"])
        self.eps_mid = nn.Linear(sizes["hidden"], sizes["hidden"])
        self.eps_out = nn.Linear(sizes["hidden"], self.actions)
        self.register_buffer("embedding", torch.tensor(spec["timeEmbedding"]).view(len(self.steps), self.times))

    def forward(self, f, c, omega, noise):
        x = self.blocks(f.view(-1, self.tokens, self.size) + self.position)
        feat = self.fc(self.norm(x.flatten(1)))
        # eps_in acts on [kappa | time | c | f' | omega]; what does not change along the chain is multiplied once.
        w = self.eps_in.weight.split([self.actions, self.times, self.eps_in.in_features - self.actions - self.times], 1)
        w_kappa, w_time, w_state = w
        state = F.linear(torch.cat([c, feat, omega], 1), w_state, self.eps_in.bias)
        time_rows = F.linear(self.time(self.embedding), w_time)
        noises = noise.unbind(1)
        kappa = noises[0]
        for tau in range(len(self.steps), 0, -1):
            step = self.steps[tau - 1]
            h = F.mish(torch.addmm(state + time_rows[tau - 1], kappa, w_kappa.t()))
            eps = self.eps_out(F.mish(self.eps_mid(h)))
            x0 = (step["keep"] * kappa - step["remove"] * eps).clamp(-self.clip, self.clip)
            if tau == 1:
                return x0
            kappa = step["toX0"] * x0 + step["toKappa"] * kappa + step["sigma"] * noises[tau - 1]


def critic(sizes):
    first, hidden = sizes["joint"], sizes["criticHidden"]
    return nn.Sequential(
        nn.Linear(first, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(), nn.Linear(hidden, 1)
    )


class Step:
    """Gradient steps of the actor (PPO with a floor on exploration) and of the critic, both with Adam."""

    def __init__(self, spec, weights, by):
        self.spec = spec
        self.actor, self.critic = Actor(spec, by), critic(spec["sizes"])
        with torch.no_grad():
            for name, parameter in self.named_parameters():
                parameter.copy_(weights[name])
        self.optimiser = torch.optim.Adam(
            [
                {"params": list(self.actor.parameters()), "lr": spec["actorLearningRate"]},
                {"params": list(self.critic.parameters()), "lr": spec["criticLearningRate"]},
            ],
            eps=spec["adamEpsilon"],
            foreach=True,
        )
        self.loss = torch.compile(self.losses) if by == "compile" else self.losses

    def named_parameters(self):
        """Our name -> the parameter, or the part of it, as [in, out]."""
        actor = self.actor
        yield "position", actor.position
        layers = {"norm": actor.norm, "time.in": actor.time[0], "time.out": actor.time[2]}
        layers |= {"eps.in": actor.eps_in, "eps.mid": actor.eps_mid, "eps.out": actor.eps_out}
        layers |= {f"fc{i}": layer for i, layer in enumerate(actor.fc[::2])}
        layers |= {f"critic.{i}": layer for i, layer in enumerate(self.critic[::2])}
        for i, block in enumerate(actor.blocks):
            layers[f"block{i}.norm1"], layers[f"block{i}.norm2"] = block.norm1, block.norm2
            layers[f"block{i}.ffn.in"], layers[f"block{i}.ffn.out"] = block.ffn_in, block.ffn_out
            layers[f"block{i}.o"] = block.attention.o
            qkv = block.attention.qkv
            for part, w, b in zip("qkv", qkv.weight.chunk(3), qkv.bias.chunk(3)):
                yield f"block{i}.{part}.w", w.t()
                yield f"block{i}.{part}.b", b
        for name, layer in layers.items():
            if isinstance(layer, nn.LayerNorm):
                yield f"{name}.gain", layer.weight
                yield f"{name}.bias", layer.bias
            else:
                yield f"{name}.w", layer.weight.t()
                yield f"{name}.b", layer.bias

    def losses(self, b):
        s = self.spec
        log_p = torch.log_softmax(self.actor(b["f"], b["c"], b["omega"], b["noise"]), 1)
        p = log_p.exp()
        executed = (1 - s["actions"] * s["epsilon"]) * p + s["epsilon"]
        ratio = (b["action"] * executed).sum(1) / (b["action"] * b["prox"]).sum(1)
        clipped = ratio.clamp(1 - s["clipCoef"], 1 + s["clipCoef"])
        surrogate = torch.minimum(ratio * b["advantage"], clipped * b["advantage"])
        policy = -(b["weight"] * surrogate).mean()
        entropy = -(p * log_p).sum(1).mean()
        value = self.critic(b["joint"])
        near = b["value"] + (value - b["value"]).clamp(-s["valueClip"], s["valueClip"])
        error = torch.maximum(*(F.huber_loss(v, b["target"], reduction="none", delta=s["huberDelta"]) for v in (value, near)))
        value_loss = error.mean()
        return policy - s["entropyCoef"] * entropy + s["valueCoef"] * value_loss, policy, value_loss

    def run(self, batch):
        loss, policy, value_loss = self.loss(batch)
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.actor.parameters(), self.spec["actorMaxGradNorm"])
        nn.utils.clip_grad_norm_(self.critic.parameters(), self.spec["criticMaxGradNorm"])
        self.optimiser.step()
        return policy.item(), value_loss.item()


def blas():
    """The library that multiplies matrices, by its file."""
    maps = Path("/proc/self/maps")
    files = {line.split()[-1] for line in maps.read_text().splitlines()} if maps.exists() else ()
    return sorted({Path(f).resolve().as_posix() for f in files if "blas" in f or "mkl" in f})


def main():
    folder = Path(sys.argv[1])
    spec = json.loads((folder / "step.json").read_text())
    values = np.fromfile(folder / "tensors.f32", dtype=np.float32)

    def read(place):
        size = int(np.prod(place["dims"]))
        return torch.from_numpy(values[place["at"] : place["at"] + size].copy()).view(place["dims"])

    torch.set_num_threads(spec["threads"])
    weights = {place["name"]: read(place) for place in spec["weights"]}
    batches = {n: {place["name"]: read(place) for place in places} for n, places in spec["batches"].items()}
    variants = ["matmul", "products"] + (["compile"] if hasattr(torch, "compile") else [])
    answer = {"version": torch.__version__, "threads": torch.get_num_threads(), "blas": blas(), "variants": variants}
    print(json.dumps(answer), flush=True)

    steps = {}
    for line in sys.stdin:
        wanted = json.loads(line)
        key = (wanted["variant"], wanted["batch"])
        if wanted["fresh"] or key not in steps:
            steps[key] = Step(spec, weights, wanted["variant"])
        step, batch, losses, ms = steps[key], batches[wanted["batch"]], [], []
        cpu = time.process_time()
        for _ in range(wanted["steps"]):
            start = time.perf_counter()
            losses.append(step.run(batch))
            ms.append(1e3 * (time.perf_counter() - start))
        cpu_ms = 1e3 * (time.process_time() - cpu) / wanted["steps"]
        if wanted["fresh"]:
            now = dict(step.named_parameters())
            flat = [now[place["name"]].detach().contiguous().numpy().ravel() for place in spec["weights"]]
            np.concatenate(flat).tofile(folder / "after.f32")
        print(json.dumps({"losses": losses, "ms": ms, "cpuMs": cpu_ms}), flush=True)


main()
