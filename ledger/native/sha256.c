#include "sha256.h"

#include <string.h>

typedef void (*compress_function)(uint32_t state[8], const unsigned char *blocks, size_t count);
typedef void (*compress_two_function)(uint32_t state_a[8], const unsigned char *blocks_a, uint32_t state_b[8],
                                      const unsigned char *blocks_b, size_t count);

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

static void compress_plain_two(uint32_t state_a[8], const unsigned char *blocks_a, uint32_t state_b[8],
                               const unsigned char *blocks_b, size_t count)
{
    compress_plain(state_a, blocks_a, count);
    compress_plain(state_b, blocks_b, count);
}

#if defined(__x86_64__) && (defined(__GNUC__) || defined(__clang__))
#define HAS_SHA_INSTRUCTIONS 1
#include <cpuid.h>
#include <immintrin.h>

#define HARDWARE __attribute__((target("sha,sse4.1,ssse3")))
#define HARDWARE_INLINE HARDWARE __attribute__((always_inline)) static inline

/* Intel's SHA extensions: two rounds an instruction, state as ABEF and CDGH (Intel, "Intel SHA Extensions", 2013). */
typedef struct {
    __m128i abef, cdgh, w[4];
} lane;

HARDWARE_INLINE void lane_load(lane *at, const uint32_t state[8])
{
    __m128i low = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)&state[0]), 0xB1);
    __m128i high = _mm_shuffle_epi32(_mm_loadu_si128((const __m128i *)(const void *)&state[4]), 0x1B);
    at->abef = _mm_alignr_epi8(low, high, 8);
    at->cdgh = _mm_blend_epi16(high, low, 0xF0);
}

HARDWARE_INLINE void lane_store(const lane *at, uint32_t state[8])
{
    __m128i low = _mm_shuffle_epi32(at->abef, 0x1B), high = _mm_shuffle_epi32(at->cdgh, 0xB1);
    _mm_storeu_si128((__m128i *)(void *)&state[0], _mm_blend_epi16(low, high, 0xF0));
    _mm_storeu_si128((__m128i *)(void *)&state[4], _mm_alignr_epi8(high, low, 8));
}

/* Four rounds: the words are read from the block, or made from the sixteen before them. */
HARDWARE_INLINE void lane_rounds(lane *at, const unsigned char *block, int quad)
{
    __m128i *w = at->w, words;
    if (quad < 4) {
        const __m128i swap = _mm_set_epi64x(0x0c0d0e0f08090a0bLL, 0x0405060700010203LL);
        words = _mm_shuffle_epi8(_mm_loadu_si128((const __m128i *)(const void *)(block + 16 * quad)), swap);
    } else {
        const __m128i w0 = w[quad & 3], w1 = w[(quad + 1) & 3], w2 = w[(quad + 2) & 3], w3 = w[(quad + 3) & 3];
        words = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8(w3, w2, 4));
        words = _mm_sha256msg2_epu32(words, w3);
    }
    w[quad & 3] = words;
    words = _mm_add_epi32(words, _mm_loadu_si128((const __m128i *)(const void *)&ROUND[4 * quad]));
    at->cdgh = _mm_sha256rnds2_epu32(at->cdgh, at->abef, words);
    at->abef = _mm_sha256rnds2_epu32(at->abef, at->cdgh, _mm_shuffle_epi32(words, 0x0E));
}

HARDWARE static void compress_hardware(uint32_t state[8], const unsigned char *blocks, size_t count)
{
    lane a;
    lane_load(&a, state);
    for (; count; count--, blocks += SHA256_BLOCK) {
        const __m128i abef = a.abef, cdgh = a.cdgh;
#pragma GCC unroll 16
        for (int quad = 0; quad < 16; quad++)
            lane_rounds(&a, blocks, quad);
        a.abef = _mm_add_epi32(a.abef, abef);
        a.cdgh = _mm_add_epi32(a.cdgh, cdgh);
    }
    lane_store(&a, state);
}

HARDWARE static void compress_hardware_two(uint32_t state_a[8], const unsigned char *blocks_a,
                                           uint32_t state_b[8], const unsigned char *blocks_b, size_t count)
{
    lane a, b;
    lane_load(&a, state_a);
    lane_load(&b, state_b);
    for (; count; count--, blocks_a += SHA256_BLOCK, blocks_b += SHA256_BLOCK) {
        const __m128i abef_a = a.abef, cdgh_a = a.cdgh, abef_b = b.abef, cdgh_b = b.cdgh;
#pragma GCC unroll 16
        for (int quad = 0; quad < 16; quad++) {
            lane_rounds(&a, blocks_a, quad);
            lane_rounds(&b, blocks_b, quad);
        }
        a.abef = _mm_add_epi32(a.abef, abef_a);
        a.cdgh = _mm_add_epi32(a.cdgh, cdgh_a);
        b.abef = _mm_add_epi32(b.abef, abef_b);
        b.cdgh = _mm_add_epi32(b.cdgh, cdgh_b);
    }
    lane_store(&a, state_a);
    lane_store(&b, state_b);
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
static compress_two_function compress_two = compress_plain_two;

void sha256_choose(int allow_hardware)
{
    compress = compress_plain;
    compress_two = compress_plain_two;
#ifdef HAS_SHA_INSTRUCTIONS
    if (allow_hardware && has_sha_instructions()) {
        compress = compress_hardware;
        compress_two = compress_hardware_two;
    }
#else
    (void)allow_hardware;
#endif
}

int sha256_uses_hardware(void) { return compress != compress_plain; }

static const uint32_t START[8] = {
    0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19,
};

static void store_digest(const uint32_t state[8], unsigned char digest[SHA256_SIZE])
{
    for (int t = 0; t < 8; t++)
        store_big_endian(digest + 4 * t, state[t]);
}

/* Pad a message of ``size`` bytes that ends at ``end``; returns the end of the padding. */
static unsigned char *pad(unsigned char *end, uint64_t size)
{
    size_t zeros = (size_t)(119 - size % SHA256_BLOCK) % SHA256_BLOCK;
    uint64_t bits = size * 8;
    *end++ = 0x80;
    memset(end, 0, zeros);
    end += zeros;
    store_big_endian(end, (uint32_t)(bits >> 32));
    store_big_endian(end + 4, (uint32_t)bits);
    return end + 8;
}

size_t sha256_pad(unsigned char *message, size_t size)
{
    return (size_t)(pad(message + size, size) - message) / SHA256_BLOCK;
}

void sha256_one(const unsigned char *blocks, size_t count, unsigned char digest[SHA256_SIZE])
{
    uint32_t state[8];
    memcpy(state, START, sizeof state);
    compress(state, blocks, count);
    store_digest(state, digest);
}

void sha256_two(const unsigned char *blocks_a, size_t count_a, unsigned char digest_a[SHA256_SIZE],
                const unsigned char *blocks_b, size_t count_b, unsigned char digest_b[SHA256_SIZE])
{
    uint32_t state_a[8], state_b[8];
    size_t both = count_a < count_b ? count_a : count_b;
    memcpy(state_a, START, sizeof state_a);
    memcpy(state_b, START, sizeof state_b);
    compress_two(state_a, blocks_a, state_b, blocks_b, both);
    compress(state_a, blocks_a + SHA256_BLOCK * both, count_a - both);
    compress(state_b, blocks_b + SHA256_BLOCK * both, count_b - both);
    store_digest(state_a, digest_a);
    store_digest(state_b, digest_b);
}

void sha256_long(const unsigned char *head, size_t head_size, const unsigned char *body, size_t body_size,
                 unsigned char digest[SHA256_SIZE])
{
    unsigned char edge[2 * SHA256_BLOCK];
    const uint64_t size = (uint64_t)head_size + body_size;
    uint32_t state[8];
    memcpy(state, START, sizeof state);
    compress(state, head, head_size / SHA256_BLOCK);
    head += head_size / SHA256_BLOCK * SHA256_BLOCK, head_size %= SHA256_BLOCK;
    memcpy(edge, head, head_size);
    const size_t room = SHA256_BLOCK - head_size;
    if (body_size >= room) {
        memcpy(edge + head_size, body, room);
        compress(state, edge, 1);
        body += room, body_size -= room, head_size = 0;
        compress(state, body, body_size / SHA256_BLOCK);
        body += body_size / SHA256_BLOCK * SHA256_BLOCK, body_size %= SHA256_BLOCK;
    }
    memcpy(edge + head_size, body, body_size);
    const unsigned char *end = pad(edge + head_size + body_size, size);
    compress(state, edge, (size_t)(end - edge) / SHA256_BLOCK);
    store_digest(state, digest);
}
