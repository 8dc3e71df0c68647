#include "twins.h"

#include "tilework/normal.h"

float twin_normal(uint32_t bits) { return tw::normal(bits, tw::kNormalTable); }
