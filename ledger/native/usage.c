#include "usage.h"

#include <string.h>

/* Field numbers of counterfoil.v1.UsageEvent; a test compares them with the descriptor. */
enum {
    EVENT_ID = 1,
    EVENT_TIME_US = 2,
    MODEL_ID = 3,
    INPUT_TOKENS = 4,
    OUTPUT_TOKENS = 5,
    TOKENS = 6,
    RECEIPT_REF = 7,
    ASSET_ID = 8,
    LICENSE_ID = 9,
    CONSUMER_ID = 10,
    ACTION = 11,
};
enum { VARINT = 0, LENGTH_DELIMITED = 2 };

static unsigned char allowed[256];

void usage_allow(const unsigned char *alphabet, size_t size)
{
    memset(allowed, 0, sizeof allowed);
    for (size_t at = 0; at < size; at++)
        allowed[alphabet[at]] = 1;
}

/* The shortest form of a number below 2^63, or failure: everything else is left to the full parser. */
static int read_varint(const unsigned char **at, const unsigned char *end, uint64_t *number)
{
    uint64_t value = 0;
    for (int shift = 0; shift < 63; shift += 7) {
        if (*at == end)
            return 0;
        unsigned char byte = *(*at)++;
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            *number = value;
            return byte || !shift;
        }
    }
    return 0;
}

static int is_id(text_span text, size_t length_max)
{
    unsigned char good = 1;
    for (size_t at = 0; at < text.size; at++)
        good &= allowed[text.data[at]];
    return good && text.size <= length_max;
}

int usage_acceptable(const unsigned char *body, size_t size, const usage_limits *limits,
                     usage_event *event)
{
    const unsigned char *at = body, *end = body + size;
    unsigned seen = 0;
    int64_t time_us = 0;
    text_span model_id = {NULL, 0};
    memset(event, 0, sizeof *event);
    if (size > limits->event_size_max)
        return 0;
    while (at < end) {
        uint64_t tag, number;
        if (!read_varint(&at, end, &tag) || !read_varint(&at, end, &number))
            return 0;
        uint64_t field = tag >> 3;
        if (field < EVENT_ID || field > ACTION || seen >> field & 1)
            return 0;
        seen |= 1u << field;
        if (field == EVENT_TIME_US || (field >= INPUT_TOKENS && field <= TOKENS)) {
            if ((tag & 7) != VARINT)
                return 0;
            if (field == EVENT_TIME_US)
                time_us = (int64_t)number;
            else if ((int64_t)number > limits->quantity_max)
                return 0;
            continue;
        }
        if ((tag & 7) != LENGTH_DELIMITED || number > (uint64_t)(end - at))
            return 0;
        text_span text = {at, (size_t)number};
        at += text.size;
        if (!is_id(text, limits->id_length_max))
            return 0;
        if (field == EVENT_ID)
            event->event_id = text;
        else if (field == RECEIPT_REF)
            event->receipt_ref = text;
        else if (field == MODEL_ID)
            model_id = text;
    }
    return event->event_id.size && model_id.size && time_us >= limits->first_us &&
           time_us <= limits->last_us;
}
