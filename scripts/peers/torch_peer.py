#!/usr/bin/env python3
"""Measures PyTorch on the cases of our benchmark, by the same method, and writes the times beside ours.

    torch_peer.py --cases cuda-0.json --out cuda-0.torch.json [--cpu] [--quick]

CASES is what `suite --device` wrote: the peer does each case that has a time there, on as many input sets, and nothing
else. Exit status 3: PyTorch (or, without --cpu, a GPU for it) is not here.
"""

import argparse
import importlib.metadata
import json
import statistics
import sys
import time

MEMORY = 40e9  # the most that PyTorch may hold on a GPU
LONGEST_CALL = 1.0  # on the CPU: a case that takes longer is skipped, and said to be
DTYPES = {"f32": "float32", "f64": "float64", "f16": "float16", "bf16": "bfloat16"}
LAYOUTS = {"matmul": "nn", "matmul nt": "nt", "matmul tn": "tn", "matmul tt": "tt"}  # t: the transposed view of what is stored


def calls():
    """The natural PyTorch form of each work, of the inputs that `inputs` makes."""
    import torch
    from torch.nn import functional as F

    def linear(a, b, bias):
        return F.gelu(torch.addmm(bias, a, b))

    return {
        "add": torch.add,
        "mul": torch.mul,
        "add+relu, fused": lambda a, b: torch.relu(a + b),
        "add+relu, unfused": lambda a, b: torch.relu(a + b),
        "transpose copy": lambda a: a.t().contiguous(),
        "sum": torch.sum,
        "dot": torch.dot,
        "argmax": torch.argmax,
        "sum rows": lambda a: a.sum(1),
        "sum columns": lambda a: a.sum(0),
        "softmax": lambda a: torch.softmax(a, 1),
        "log_softmax": lambda a: torch.log_softmax(a, 1),
        "rms_norm": lambda a, w, _: F.rms_norm(a, a.shape[-1:], w, 1e-5),
        "layer_norm": lambda a, w, b: F.layer_norm(a, a.shape[-1:], w, b, 1e-5),
        "matmul": torch.matmul,
        "matmul nt": lambda a, b: a @ b.mT,
        "matmul tn": lambda a, b: a.mT @ b,
        "matmul tt": lambda a, b: a.mT @ b.mT,
        "matmul+bias+gelu, fused": linear,
        "matmul+bias+gelu, unfused": lambda a, b, bias: F.gelu(a @ b + bias),
        "matmul+bias+gelu+residual, fused": lambda a, b, bias, residual: linear(a, b, bias) + residual,
        "inference 256-512-128": lambda a, b, c: a @ b @ c,
        "chain of 3": lambda a: torch.relu(a) * 2.0 + 0.5,
        "chain of 5": lambda a: torch.relu((torch.relu(a) * 2.0 + 0.5) * 1.5),
        "sum(x^2)": lambda a: a.square().sum(),
        "sum(x @ w)": lambda a, b: (a @ b).sum(),
        "sum(exp(tanh(x^2)))": lambda a: a.square().tanh().exp().sum(),
        "relu": torch.relu,
        "leaky_relu": lambda a: F.leaky_relu(a, 0.01),
        "elu": F.elu,
        "clip": lambda a: a.clamp(100.0, 5000.0),
        "sigmoid": torch.sigmoid,
        "tanh": torch.tanh,
        "silu": F.silu,
        "gelu": F.gelu,
        "gelu_tanh": lambda a: F.gelu(a, approximate="tanh"),
        "square": torch.square,
    }


def shapes(work, shape):
    """The shapes of the inputs of `work`."""
    if work.startswith("matmul"):
        batch, m, n, k = shape
        batch = [] if batch == 1 else [batch]
        a, b = LAYOUTS.get(work.split(",")[0], "nn")
        factors = [batch + ([m, k] if a == "n" else [k, m]), batch + ([k, n] if b == "n" else [n, k])]
        return factors + ([[n]] if "bias" in work else []) + ([[m, n]] if "residual" in work else [])
    if work == "inference 256-512-128":
        return [[shape[0], 256], [256, 512], [512, 128]]
    if work in ("rms_norm", "layer_norm"):
        return [shape, shape[-1:], shape[-1:]]
    if work in ("add", "mul", "add+relu, fused", "add+relu, unfused", "dot", "sum(x @ w)"):
        return [shape, shape]
    return [shape]


def hosted(work):
    """How many of its inputs a round trip brings from the host; the others (gain, bias, last weights) lie on the device."""
    return 1 if work in ("rms_norm", "layer_norm") else 2


class Peer:
    def __init__(self, torch, device, quick):
        self.torch, self.device = torch, device
        self.gpu = device.type == "cuda"
        self.batch_s, self.batches = (0.004, 3) if quick else (0.012, 5)
        self.calls = calls()
        self.rates = {}  # on the CPU: seconds for a unit of work, by work and type

    def synchronize(self):
        if self.gpu:
            self.torch.cuda.synchronize(self.device)

    def wall(self, work):
        """Seconds from the call to the completion of `work`."""
        self.synchronize()
        begin = time.perf_counter()
        work()
        self.synchronize()
        return time.perf_counter() - begin

    def median_wall(self, work):
        return statistics.median(self.wall(work) for _ in range(max(self.batches, 5)))

    def on_device(self, work, count):
        """Seconds for a call, of `count` calls enqueued back to back: the GPU's own, else by the caller's clock."""

        def batch():
            for _ in range(count):
                work()

        if not self.gpu:
            return self.wall(batch) / count
        begin, end = (self.torch.cuda.Event(enable_timing=True) for _ in range(2))
        begin.record()
        batch()
        end.record()
        end.synchronize()
        return begin.elapsed_time(end) / 1e3 / count

    def row(self, case):
        dtype = getattr(self.torch, DTYPES.get(case["dtype"], ""), None)
        if case["work"] in ("host to device", "device to host"):
            return self.transfer(case, dtype)
        call = self.calls.get(case["work"].removesuffix(", fma").removesuffix(", tf32").removesuffix(", packed"))
        self.torch.backends.cuda.matmul.allow_tf32 = case.get("precision") == "tf32"
        if call is None or dtype is None:
            return {"status": "no counterpart"}
        key, cost = (case["work"], case["dtype"]), case["flops"] or case["bytes"]
        if not self.gpu and self.rates.get(key, 0.0) * cost > LONGEST_CALL:
            return {"status": "skipped: more than a second for one call is expected"}

        first = [self.torch.randn(s, device=self.device, dtype=dtype) for s in shapes(case["work"], case["shape"])]
        self.wall(lambda: call(*first))
        once = self.wall(lambda: call(*first))
        self.rates[key] = once / cost
        if not self.gpu and once > LONGEST_CALL:
            return {"status": f"skipped: one call takes {once:.1f} s"}
        # To a cache, a set is the place where it lies.
        sets = [first] + [[x.clone() for x in first] for _ in range(1, case["sets"])]
        turn = 0

        def work():
            nonlocal turn
            turn += 1
            call(*sets[turn % len(sets)])

        count = int(min(max(self.batch_s / once, 2), 200))
        row = {
            "status": "ok",
            "device_s": statistics.median(self.on_device(work, count) for _ in range(self.batches)),
            "call_s": self.median_wall(work),
        }
        if case.get("round_trip_s") is not None:
            travels = hosted(case["work"])
            host, kept = [x.cpu() for x in first[:travels]], first[travels:]
            row["round_trip_s"] = self.median_wall(lambda: call(*[x.to(self.device) for x in host], *kept).cpu())
        return row

    def transfer(self, case, dtype):
        if not self.gpu:
            return {"status": "no counterpart"}
        x = self.torch.randn(case["shape"], device=self.device, dtype=dtype)
        host = x.cpu()
        copy = (lambda: host.to(self.device)) if case["work"] == "host to device" else x.cpu
        self.wall(copy)
        return {"status": "ok", "call_s": self.median_wall(copy)}

    def launch(self):
        x, y = (self.torch.randn(1024, device=self.device) for _ in range(2))
        small = self.torch.randn(1000, device=self.device)
        count, per_add = 2000, []
        for _ in range(6):
            begin = time.perf_counter()
            for _ in range(count):
                x + y
            per_add.append((time.perf_counter() - begin) / count)
            self.synchronize()
        chains = [self.wall(lambda: (((small * 1.5 + 0.5).relu().tanh()) * small).cpu()) for _ in range(51)]
        # The first of each warms up.
        return {"host_s_per_add": statistics.median(per_add[1:]), "chain_of_5_s": statistics.median(chains[1:])}


def version(torch, gpu):
    if not gpu:
        return f"PyTorch {torch.__version__} (CPU, {torch.get_num_threads()} threads)"
    # PyTorch does not tell cuBLAS's version; its package does.
    cublas = [d.version for d in importlib.metadata.distributions() if (d.name or "").startswith("nvidia-cublas")]
    cudnn = torch.backends.cudnn.version() or 0
    libraries = f"cuBLAS {cublas[0] if cublas else 'unknown'}, cuDNN {cudnn // 10000}.{cudnn // 100 % 100}.{cudnn % 100}"
    return f"PyTorch {torch.__version__} (CUDA {torch.version.cuda}, {libraries})"


def cpu_name():
    try:
        with open("/proc/cpuinfo") as file:
            return next(line.split(":", 1)[1].strip() for line in file if line.startswith("model name"))
    except (OSError, StopIteration):
        return "CPU"


def open_peer(arguments, ordinal):
    """The peer and its device's name, or a message and exit status 3."""
    try:
        import torch
    except ImportError as error:
        print(f"torch_peer: PyTorch is not here ({error}): pip install torch", file=sys.stderr)
        sys.exit(3)
    if arguments.cpu:
        return torch, Peer(torch, torch.device("cpu"), arguments.quick), cpu_name()
    if not torch.cuda.is_available() or ordinal >= torch.cuda.device_count():
        print(f"torch_peer: PyTorch {torch.__version__} is here, but sees no GPU {ordinal}", file=sys.stderr)
        sys.exit(3)
    device = torch.device("cuda", ordinal)
    torch.cuda.set_device(device)
    total = torch.cuda.get_device_properties(device).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, MEMORY / total), device)
    return torch, Peer(torch, device, arguments.quick), torch.cuda.get_device_name(device)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cases", required=True, help="what `suite --device` wrote")
    parser.add_argument("--out", required=True, help="where to write PyTorch's times")
    parser.add_argument("--cpu", action="store_true", help="on the CPU, though there be a GPU")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    arguments = parser.parse_args()
    with open(arguments.cases) as file:
        ours = json.load(file)
    torch, peer, device = open_peer(arguments, ours["device"].get("ordinal", 0))

    cases, rows, group = [case for case in ours["cases"] if case["status"] == "ok"], {}, None
    with torch.inference_mode():
        for number, case in enumerate(cases, 1):
            if case["group"] != group:
                group = case["group"]
                print(f"PyTorch: {group} ({number} of {len(cases)})", file=sys.stderr, flush=True)
            try:
                rows[case["id"]] = peer.row(case)
            except RuntimeError as error:
                rows[case["id"]] = {"status": f"failed: {str(error).splitlines()[0]}"}
                print(f"PyTorch: {case['id']}: {rows[case['id']]['status']}", file=sys.stderr)
            if peer.gpu:
                torch.cuda.empty_cache()
        launch = peer.launch()
    result = {"peer": version(torch, peer.gpu), "device": device, "cases": rows, "launch": launch}
    with open(arguments.out, "w") as file:
        json.dump(result, file, indent=1)
    sys.exit(any(row["status"].startswith("failed") for row in rows.values()))


if __name__ == "__main__":
    main()
