// Binary operations on integers and bool.
#include "tilework/binary.h"

#define X(name, code) TW_BINARY(name, i32, i32) TW_BINARY(name, i64, i64) TW_BINARY(name, u8, u8) TW_BINARY(name, u32, u32)
TW_BINARY_NUMBER(X)
#undef X

#define X(name, code) TW_BINARY(name, b8, b8)
TW_BINARY_BOOL(X)
