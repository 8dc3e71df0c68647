// Binary operations on bf16.
#include "tilework/binary.h"

#define X(name, code) TW_BINARY(name, bf16, bf16)
TW_BINARY_NUMBER(X)
TW_BINARY_FLOAT(X)
