// Warpgroup matrix products of Hopper: 64 x N x 16, or x 32 of 8-bit factors or x 8 of TF32, in shared memory, the accumulator in registers (sm_90a
// alone).
//
// The accumulator of thread t of the warpgroup: with warp w = t / 32 and lane l = t mod 32, register i holds
//   row 16 w + l / 4 + 8 ((i / 2) mod 2), column 8 (i / 4) + 2 (l mod 4) + i mod 2.
// PTX ISA, "Asynchronous warpgroup level matrix instructions".
#pragma once

#include "tilework/fp8.h"
#include "tilework/wgmma_descriptor.h"

namespace tw {

// Orders accesses to registers and shared memory before the products that follow.
__device__ __forceinline__ void wgmma_fence() { asm volatile("wgmma.fence.sync.aligned;" ::: "memory"); }

// Closes the group of products issued since the last call.
__device__ __forceinline__ void wgmma_commit() { asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory"); }

// Waits until all but the newest `PENDING` groups are complete.
template <int PENDING>
__device__ __forceinline__ void wgmma_wait() {
    asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(PENDING) : "memory");
}

// Keeps the compiler from moving accesses to the accumulator past this point.
template <int COUNT>
__device__ __forceinline__ void wgmma_pin(float (&d)[COUNT]) {
#pragma unroll
    for (int i = 0; i < COUNT; ++i) asm volatile("" : "+f"(d[i])::"memory");
}

// d = a @ b + (accumulate ? d : 0) for 64 x N, and 32 bytes along k.
template <typename T, int N, Major A, Major B>
struct Wgmma;

// In place of T, the types of two 8-bit factors; both run along k.
template <typename A, typename B>
struct Fp8Pair;

// In place of T: f32 whose last 13 bits the instruction ignores; both factors run along k. The rows of a may also be in registers: in
// a[i] of the thread, row 16 w + l / 4 + 8 (i mod 2), k = l mod 4 + 4 (i / 2).
struct Tf32;

#define TW_REGISTERS_8 "%0, %1, %2, %3"
#define TW_REGISTERS_16 TW_REGISTERS_8 ", %4, %5, %6, %7"
#define TW_REGISTERS_32 TW_REGISTERS_16 ", %8, %9, %10, %11, %12, %13, %14, %15"
#define TW_REGISTERS_64 \
        "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, " \
        "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31"
#define TW_REGISTERS_128 \
    TW_REGISTERS_64 ", " \
        "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, " \
        "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"
#define TW_REGISTERS_160 \
    TW_REGISTERS_128 ", " \
        "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79"
#define TW_REGISTERS_192 \
    TW_REGISTERS_128 ", " \
        "%64, %65, %66, %67, %68, %69, %70, %71, %72, %73, %74, %75, %76, %77, %78, %79, " \
        "%80, %81, %82, %83, %84, %85, %86, %87, %88, %89, %90, %91, %92, %93, %94, %95"
#define TW_REGISTERS_256 \
    TW_REGISTERS_192 ", " \
        "%96, %97, %98, %99, %100, %101, %102, %103, %104, %105, %106, %107, %108, %109, %110, %111, " \
        "%112, %113, %114, %115, %116, %117, %118, %119, %120, %121, %122, %123, %124, %125, %126, %127"
#define TW_SUMS_4(d, i) "+f"(d[i]), "+f"(d[i + 1]), "+f"(d[i + 2]), "+f"(d[i + 3])
#define TW_SUMS_8(d, i) TW_SUMS_4(d, i), TW_SUMS_4(d, i + 4)
#define TW_SUMS_16(d, i) TW_SUMS_8(d, i), TW_SUMS_8(d, i + 8)
#define TW_ACCUMULATOR_8 TW_SUMS_4(d, 0)
#define TW_ACCUMULATOR_16 TW_SUMS_8(d, 0)
#define TW_ACCUMULATOR_32 TW_SUMS_16(d, 0)
#define TW_ACCUMULATOR_64 TW_SUMS_16(d, 0), TW_SUMS_16(d, 16)
#define TW_ACCUMULATOR_128 TW_ACCUMULATOR_64, TW_SUMS_16(d, 32), TW_SUMS_16(d, 48)
#define TW_ACCUMULATOR_160 TW_ACCUMULATOR_128, TW_SUMS_16(d, 64)
#define TW_ACCUMULATOR_192 TW_ACCUMULATOR_128, TW_SUMS_16(d, 64), TW_SUMS_16(d, 80)
#define TW_ACCUMULATOR_256 TW_ACCUMULATOR_192, TW_SUMS_16(d, 96), TW_SUMS_16(d, 112)

// The operands after the N / 2 registers: two descriptors, the predicate, two transpose bits.
#define TW_WGMMA(TYPE, NAME, N, DESC_A, DESC_B, ACCUMULATE, TRANS_A, TRANS_B)                                              \
    template <Major A, Major B>                                                                                            \
    struct Wgmma<TYPE, N, A, B> {                                                                                          \
        static __device__ __forceinline__ void product(float (&d)[N / 2], uint64_t a, uint64_t b, bool accumulate) {       \
            asm volatile("{\n\t.reg .pred keep;\n\tsetp.ne.b32 keep, " ACCUMULATE ", 0;\n\t"                             \
                         "wgmma.mma_async.sync.aligned.m64n" #N "k16.f32." NAME "." NAME " {" TW_REGISTERS_##N "}, "        \
                         DESC_A ", " DESC_B ", keep, 1, 1, " TRANS_A ", " TRANS_B ";\n\t}"                                 \
                         : TW_ACCUMULATOR_##N                                                                              \
                         : "l"(a), "l"(b), "r"(int(accumulate)), "n"(int(A)), "n"(int(B)));                                \
        }                                                                                                                  \
    };
TW_WGMMA(bf16, "bf16", 64, "%32", "%33", "%34", "%35", "%36")
TW_WGMMA(bf16, "bf16", 128, "%64", "%65", "%66", "%67", "%68")
TW_WGMMA(bf16, "bf16", 160, "%80", "%81", "%82", "%83", "%84")
TW_WGMMA(bf16, "bf16", 192, "%96", "%97", "%98", "%99", "%100")
TW_WGMMA(bf16, "bf16", 256, "%128", "%129", "%130", "%131", "%132")
TW_WGMMA(f16, "f16", 64, "%32", "%33", "%34", "%35", "%36")
TW_WGMMA(f16, "f16", 128, "%64", "%65", "%66", "%67", "%68")
TW_WGMMA(f16, "f16", 160, "%80", "%81", "%82", "%83", "%84")
TW_WGMMA(f16, "f16", 192, "%96", "%97", "%98", "%99", "%100")
TW_WGMMA(f16, "f16", 256, "%128", "%129", "%130", "%131", "%132")

#define TW_WGMMA_FP8(TYPE_A, TYPE_B, NAMES, N, DESC_A, DESC_B, ACCUMULATE)                                                 \
    template <>                                                                                                            \
    struct Wgmma<Fp8Pair<TYPE_A, TYPE_B>, N, K_MAJOR, K_MAJOR> {                                                           \
        static __device__ __forceinline__ void product(float (&d)[N / 2], uint64_t a, uint64_t b, bool accumulate) {       \
            asm volatile("{\n\t.reg .pred keep;\n\tsetp.ne.b32 keep, " ACCUMULATE ", 0;\n\t"                             \
                         "wgmma.mma_async.sync.aligned.m64n" #N "k32.f32." NAMES " {" TW_REGISTERS_##N "}, "                \
                         DESC_A ", " DESC_B ", keep, 1, 1;\n\t}"                                                          \
                         : TW_ACCUMULATOR_##N                                                                              \
                         : "l"(a), "l"(b), "r"(int(accumulate)));                                                          \
        }                                                                                                                  \
    };
#define TW_WGMMA_PAIR(TYPE_A, TYPE_B, NAMES)                                        \
    TW_WGMMA_FP8(TYPE_A, TYPE_B, NAMES, 8, "%4", "%5", "%6")                        \
    TW_WGMMA_FP8(TYPE_A, TYPE_B, NAMES, 16, "%8", "%9", "%10")                      \
    TW_WGMMA_FP8(TYPE_A, TYPE_B, NAMES, 32, "%16", "%17", "%18")                    \
    TW_WGMMA_FP8(TYPE_A, TYPE_B, NAMES, 64, "%32", "%33", "%34")                    \
    TW_WGMMA_FP8(TYPE_A, TYPE_B, NAMES, 128, "%64", "%65", "%66")                   \
    TW_WGMMA_FP8(TYPE_A, TYPE_B, NAMES, 160, "%80", "%81", "%82")                   \
    TW_WGMMA_FP8(TYPE_A, TYPE_B, NAMES, 192, "%96", "%97", "%98")                   \
    TW_WGMMA_FP8(TYPE_A, TYPE_B, NAMES, 256, "%128", "%129", "%130")
TW_WGMMA_PAIR(f8e4m3, f8e4m3, "e4m3.e4m3")
TW_WGMMA_PAIR(f8e4m3, f8e5m2, "e4m3.e5m2")
TW_WGMMA_PAIR(f8e5m2, f8e4m3, "e5m2.e4m3")
TW_WGMMA_PAIR(f8e5m2, f8e5m2, "e5m2.e5m2")

// The last three are the operands where a is in registers: four of those, b, the predicate.
#define TW_WGMMA_TF32(N, DESC_A, DESC_B, ACCUMULATE, A, DESC_B_AFTER, ACCUMULATE_AFTER)                                    \
    template <>                                                                                                            \
    struct Wgmma<Tf32, N, K_MAJOR, K_MAJOR> {                                                                              \
        static __device__ __forceinline__ void product(float (&d)[N / 2], uint64_t a, uint64_t b, bool accumulate) {       \
            asm volatile("{\n\t.reg .pred keep;\n\tsetp.ne.b32 keep, " ACCUMULATE ", 0;\n\t"                             \
                         "wgmma.mma_async.sync.aligned.m64n" #N "k8.f32.tf32.tf32 {" TW_REGISTERS_##N "}, "                 \
                         DESC_A ", " DESC_B ", keep, 1, 1;\n\t}"                                                          \
                         : TW_ACCUMULATOR_##N                                                                              \
                         : "l"(a), "l"(b), "r"(int(accumulate)));                                                          \
        }                                                                                                                  \
        static __device__ __forceinline__ void product(float (&d)[N / 2], const uint32_t (&a)[4], uint64_t b,              \
                                                       bool accumulate) {                                                  \
            asm volatile("{\n\t.reg .pred keep;\n\tsetp.ne.b32 keep, " ACCUMULATE_AFTER ", 0;\n\t"                       \
                         "wgmma.mma_async.sync.aligned.m64n" #N "k8.f32.tf32.tf32 {" TW_REGISTERS_##N "}, "                 \
                         "{" A "}, " DESC_B_AFTER ", keep, 1, 1;\n\t}"                                                    \
                         : TW_ACCUMULATOR_##N                                                                              \
                         : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "l"(b), "r"(int(accumulate)));                      \
        }                                                                                                                  \
    };
TW_WGMMA_TF32(64, "%32", "%33", "%34", "%32, %33, %34, %35", "%36", "%37")
TW_WGMMA_TF32(128, "%64", "%65", "%66", "%64, %65, %66, %67", "%68", "%69")
TW_WGMMA_TF32(192, "%96", "%97", "%98", "%96, %97, %98, %99", "%100", "%101")
TW_WGMMA_TF32(256, "%128", "%129", "%130", "%128, %129, %130, %131", "%132", "%133")

#undef TW_WGMMA_TF32
#undef TW_WGMMA_PAIR
#undef TW_WGMMA_FP8
#undef TW_WGMMA
#undef TW_REGISTERS_8
#undef TW_REGISTERS_16
#undef TW_REGISTERS_32
#undef TW_REGISTERS_64
#undef TW_REGISTERS_128
#undef TW_REGISTERS_160
#undef TW_REGISTERS_192
#undef TW_REGISTERS_256
#undef TW_SUMS_4
#undef TW_SUMS_8
#undef TW_SUMS_16
#undef TW_ACCUMULATOR_8
#undef TW_ACCUMULATOR_16
#undef TW_ACCUMULATOR_32
#undef TW_ACCUMULATOR_64
#undef TW_ACCUMULATOR_128
#undef TW_ACCUMULATOR_160
#undef TW_ACCUMULATOR_192
#undef TW_ACCUMULATOR_256

}  // namespace tw
