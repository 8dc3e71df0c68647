// Binary operations on f32.
#include "tilework/binary.h"

#define X(name, code) TW_BINARY(name, f32, f32)
TW_BINARY_NUMBER(X)
TW_BINARY_FLOAT(X)
