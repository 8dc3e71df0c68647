// Binary operations on f16.
#include "tilework/binary.h"

#define X(name, code) TW_BINARY(name, f16, f16)
TW_BINARY_NUMBER(X)
TW_BINARY_FLOAT(X)
