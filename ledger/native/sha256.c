#include "sha256.h"

#include <string.h>

typedef void (*compress_function)(uint32_t state[8], const unsigned char *blocks, size_t count);

static const uint32_t ROUND[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

static uint32_t rotate(uint32_t word, int bits) { return word >> bits | word << (32 - bits); }

static uint32_t load_big_endian(const unsigned char *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | (uint32_t)at[3];
}

static void store_big_endian(unsigned char *at, uint32_t word)
{
    at[0] = (unsigned char)(word >> 24);
    at[1] = (unsigned char)(word >> 16);
    at[2] = (unsigned char)(word >> 8);
    at[3] = (unsigned char)word;
}

static void compress_plain(uint32_t state[8], const unsigned char *blocks, size_t count)
{
    uint32_t w[64];
    for (; count; count--, blocks += 64) {
        for (int t = 0; t < 16; t++)
            w[t] = load_big_endian(blocks + 4 * t);
        for (int t = 16; t < 64; t++) {
            uint32_t s0 = rotate(w[t - 15], 7) ^ rotate(w[t - 15], 18) ^ w[t - 15] >> 3;
            uint32_t s1 = rotate(w[t - 2], 17) ^ rotate(w[t - 2], 19) ^ w[t - 2] >> 10;
            w[t] = w[t - 16] + s0 + w[t - 7] + s1;
        }
        uint32_t a = state[0], b = state[1], c = state[2], d = state[3];
        uint32_t e = state[4], f = state[5], g = state[6], h = state[7];
        for (int t = 0; t < 64; t++) {
            uint32_t big1 = rotate(e, 6) ^ rotate(e, 11) ^ rotate(e, 25);
            uint32_t temp1 = h + big1 + ((e & f) ^ (~e & g)) + ROUND[t] + w[t];
            uint32_t big0 = rotate(a, 2) ^ rotate(a, 13) ^ rotate(a, 22);
            uint32_t temp2 = big0 + ((a & b) ^ (a & c) ^ (b & c));
            h = g, g = f, f = e, e = d + temp1, d = c, c = b, b = a, a = temp1 + temp2;
        }
        state[0] += a, state[1] += b, state[2] += c, state[3] += d;
        state[4] += e, state[5] += f, state[6] += g, state[7] += h;
    }
}

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define HAS_SHA_INSTRUCTIONS 1
#include <cpuid.h>
#include <immintrin.h>

/* Intel's SHA extensions: two rounds an instruction, state as ABEF and CDGH (Intel, "Intel SHA Extensions", 2013). */
__attribute__((target("sha,sse4.1,ssse3"))) static void
compress_hardware(uint32_t state[8], const unsigned char *blocks, size_t count)
{
    const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
    __m128i low = _mm_loadu_si128((const __m128i *)(const void *)&state[0]);
    __m128i high = _mm_loadu_si128((const __m128i *)(const void *)&state[4]);
    low = _mm_shuffle_epi32(low, 0xB1);
    high = _mm_shuffle_epi32(high, 0x1B);
    __m128i abef = _mm_alignr_epi8(low, high, 8);
    __m128i cdgh = _mm_blend_epi16(high, low, 0xF0);
    for (; count; count--, blocks += 64) {
        const __m128i abef_before = abef, cdgh_before = cdgh;
        __m128i w[4];
        for (int quad = 0; quad < 16; quad++) {
            __m128i words;
            if (quad < 4) {
                words = _mm_loadu_si128((const __m128i *)(const void *)(blocks + 16 * quad));
                words = _mm_shuffle_epi8(words, swap);
            } else {
                const __m128i w0 = w[quad & 3], w1 = w[(quad + 1) & 3];
                const __m128i w2 = w[(quad + 2) & 3], w3 = w[(quad + 3) & 3];
                words = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
                words = _mm_sha256msg2_epu32(words, w3);
            }
            w[quad & 3] = words;
            __m128i keyed = _mm_add_epi32(
                words, _mm_loadu_si128((const __m128i *)(const void *)&ROUND[4 * quad]));
            cdgh = _mm_sha256rnds2_epu32(cdgh, abef, keyed);
            abef = _mm_sha256rnds2_epu32(abef, cdgh, _mm_shuffle_epi32(keyed, 0x0E));
        }
        abef = _mm_add_epi32(abef, abef_before);
        cdgh = _mm_add_epi32(cdgh, cdgh_before);
    }
    low = _mm_shuffle_epi32(abef, 0x1B);
    high = _mm_shuffle_epi32(cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)(void *)&state[0], _mm_blend_epi16(low, high, 0xF0));
    _mm_storeu_si128((__m128i *)(void *)&state[4], _mm_alignr_epi8(high, low, 8));
}

static int has_sha_instructions(void)
{
    unsigned a, b, c, d;
    if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_SSSE3) || !(c & bit_SSE4_1))
        return 0;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (b >> 29 & 1);
}
#endif

static compress_function compress = compress_plain;

void sha256_choose(int allow_hardware)
{
    compress = compress_plain;
#ifdef HAS_SHA_INSTRUCTIONS
    if (allow_hardware && has_sha_instructions())
        compress = compress_hardware;
#else
    (void)allow_hardware;
#endif
}

int sha256_uses_hardware(void) { return compress != compress_plain; }

void sha256_begin(sha256_context *context)
{
    static const uint32_t start[8] = {
        0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
    };
    memcpy(context->state, start, sizeof start);
    context->length = 0;
}

void sha256_update(sha256_context *context, const unsigned char *data, size_t size)
{
    size_t filled = (size_t)(context->length % 64);
    context->length += size;
    if (filled) {
        size_t room = 64 - filled;
        if (size < room) {
            memcpy(context->tail + filled, data, size);
            return;
        }
        memcpy(context->tail + filled, data, room);
        compress(context->state, context->tail, 1);
        data += room, size -= room;
    }
    if (size >= 64) {
        compress(context->state, data, size / 64);
        data += size / 64 * 64, size %= 64;
    }
    if (size)
        memcpy(context->tail, data, size);
}

void sha256_end(sha256_context *context, unsigned char digest[SHA256_SIZE])
{
    size_t filled = (size_t)(context->length % 64);
    uint64_t bits = context->length * 8;
    context->tail[filled++] = 0x80;
    if (filled > 56) {
        memset(context->tail + filled, 0, 64 - filled);
        compress(context->state, context->tail, 1);
        filled = 0;
    }
    memset(context->tail + filled, 0, 56 - filled);
    store_big_endian(context->tail + 56, (uint32_t)(bits >> 32));
    store_big_endian(context->tail + 60, (uint32_t)bits);
    compress(context->state, context->tail, 1);
    for (int t = 0; t < 8; t++)
        store_big_endian(digest + 4 * t, context->state[t]);
}
