// How the warps of tilework/matmul/dmma_kernel.h read their elements of the factors from shared memory.
//
// A line of a box is 128 bytes, with the accelerator's swizzle: 16 elements along k, or along m or n of one k (blocks of 16 follow one
// another). An instruction multiplies 16 x 8 by 8 x 8 and asks each thread, g = lane / 4 and t = lane mod 4, for single elements:
// of a row g and g + 8, of b column g, of both the slots t and t + 4 of k. Which rows, columns and k these indices stand for does not
// matter as long as both factors agree on k, but two things do: elements must arrive in the registers that the instruction takes
// them from (moves between them cost 5 to 8 % of a product), and the threads that are served together (16 at 8 bytes, 8 at 16)
// must meet different parts of a line.
//
// With a along k, slots are the k in order, and all reads are of 8 bytes. With a along m a read of 16 bytes is rows g and g + 8 of one k;
// slots t and t + 4 then are k 2 t and 2 t + 1, which lets b along k read 16 bytes as well.
#pragma once

#include "tilework/vector.h"
#include "tilework/wgmma_descriptor.h"

namespace tw {

__device__ __forceinline__ double load_shared_double(uint32_t at) {
    double x;
    asm volatile("ld.shared.f64 %0, [%1];" : "=d"(x) : "r"(at) : "memory");
    return x;
}

__device__ __forceinline__ Vector<double, 2> load_shared_pair(uint32_t at) {
    Vector<double, 2> x;
    asm volatile("ld.shared.v2.f64 {%0, %1}, [%2];" : "=d"(x.at[0]), "=d"(x.at[1]) : "r"(at) : "memory");
    return x;
}

// Rows `first` and on of a, in strips of 16.
template <Major A>
struct DmmaRows {
    uint32_t place;
    uint32_t first_line;

    __device__ __forceinline__ DmmaRows(uint32_t first, uint32_t g, uint32_t t) {
        if (A == K_MAJOR) {
            first_line = 2 * (g & 3) | g >> 2;
            place = (first + first_line) * 128 + (((t >> 1) ^ first_line) << 4) + (t & 1) * 8;
        } else {
            first_line = 2 * g;
            place = first / 16 * 2048 + 2 * t * 128 + ((g ^ 2 * t) << 4);
        }
    }

    // The row of a strip that index g (h = 0) or g + 8 (h = 1) stands for.
    __device__ __forceinline__ uint32_t line(int h) const { return first_line + (A == K_MAJOR ? 8 * h : h); }

    // The thread's elements of strip i and step `step` of 8 of k: of slot t those of h = 0, 1, then of slot t + 4.
    __device__ __forceinline__ void fetch(uint32_t stage, int step, int i, double (&to)[4]) const {
#pragma unroll
        for (int slot = 0; slot < 2; ++slot) {
            if constexpr (A == K_MAJOR) {
                uint32_t from = stage + (place ^ uint32_t(64 * step + 32 * slot)) + i * 2048;
#pragma unroll
                for (int h = 0; h < 2; ++h) to[2 * slot + h] = load_shared_double(from + h * 1024);
            } else {
                auto pair = load_shared_pair(stage + (place ^ uint32_t(16 * slot)) + slot * 128 + i * 2048 + step * 1024);
                to[2 * slot] = pair.at[0], to[2 * slot + 1] = pair.at[1];
            }
        }
    }
};

// Columns `first` and on of b, in pairs of instructions.
template <Major A, Major B>
struct DmmaColumns {
    uint32_t place;

    // Of a pair's 16 columns, the one that index i of instruction `which` stands for.
    static __device__ __forceinline__ uint32_t column(uint32_t i, uint32_t which) {
        if (B == MN_MAJOR) {
            uint32_t chunk = A == K_MAJOR ? (i >> 1 & 1) * 4 + (i >> 2) + 2 * which : (i >> 1) + 4 * which;
            return 2 * chunk + (i & 1);
        }
        return 2 * (A == K_MAJOR ? i : (i & 4) | (i & 1) << 1 | (i >> 1 & 1)) + which;
    }

    __device__ __forceinline__ DmmaColumns(uint32_t first, uint32_t g, uint32_t t) {
        uint32_t c = column(g, 0);
        if (B == MN_MAJOR) {
            uint32_t k = A == K_MAJOR ? t : 2 * t;
            place = first / 16 * 2048 + k * 128 + ((c / 2 ^ k) << 4) + c % 2 * 8;
        } else {
            uint32_t chunk = A == K_MAJOR ? t >> 1 : t;
            place = (first + c) * 128 + ((chunk ^ (c & 7)) << 4) + (A == K_MAJOR ? t % 2 * 8 : 0);
        }
    }

    // The thread's elements of slots t and t + 4, of instruction j and step `step` of 8 of k.
    __device__ __forceinline__ void fetch(uint32_t stage, int step, int j, double (&to)[2]) const {
        uint32_t which = j % 2;
        stage += j / 2 * 2048;
        if constexpr (B == K_MAJOR && A == MN_MAJOR) {
            auto pair = load_shared_pair(stage + (place ^ uint32_t(64 * step + 16 * which)) + which * 128);
            to[0] = pair.at[0], to[1] = pair.at[1];
        } else {
#pragma unroll
            for (uint32_t slot = 0; slot < 2; ++slot) {
                uint32_t at = B == K_MAJOR   ? (place ^ (64 * step + 32 * slot + 16 * which)) + which * 128
                              : A == K_MAJOR ? (place ^ (64 * slot + 32 * which)) + slot * 512 + step * 1024
                                             : (place ^ (16 * slot + 64 * which)) + slot * 128 + step * 1024;
                to[slot] = load_shared_double(stage + at);
            }
        }
    }

    // A thread's sums of two neighbouring columns, number `pair` of the two of a pair of instructions and rows h: where they are.
    struct Place {
        int instruction, index;
    };
    static __device__ __forceinline__ constexpr Place sum(int pair, int h, int c) {
        return B == MN_MAJOR ? Place{pair, 2 * h + c} : Place{c, 2 * h + pair};
    }
    // And their first column.
    static __device__ __forceinline__ uint32_t pair_column(uint32_t t, int pair) {
        return B == MN_MAJOR ? column(2 * t, pair) : column(2 * t + pair, 0);
    }
};

}  // namespace tw
