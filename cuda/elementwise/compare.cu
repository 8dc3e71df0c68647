// Comparisons.
#include "tilework/binary.h"

#define X(name, code)                                                                                  \
    TW_BINARY(name, b8, f32) TW_BINARY(name, b8, f64) TW_BINARY(name, b8, f16) TW_BINARY(name, b8, bf16) \
    TW_BINARY(name, b8, i32) TW_BINARY(name, b8, i64) TW_BINARY(name, b8, u8) TW_BINARY(name, b8, u32)
TW_COMPARE_NUMBER(X)
