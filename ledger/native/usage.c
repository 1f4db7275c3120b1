#include "usage.h"

#include "consumer.h"

#include <string.h>

/* Field numbers of counterfoil.v1.UsageEvent, and the bounds of its collections; tests compare them with the descriptor
 * and with counterfoil.limits. */
enum {
    EVENT_ID = 1,
    EVENT_TIME_US = 2,
    MODEL_ID = 3,
    INPUT_TOKENS = 4,
    OUTPUT_TOKENS = 5,
    TOKENS = 6,
    RECEIPT_REF = 7,
    CONSUMER_ID = 10,
    ACTION = 11,
    ATTRIBUTIONS = 12,
    CONSENTS = 13,
    METADATA = 14,
    TERRITORY = 15,
    NON_COMMERCIAL = 16,
};
enum {
    ATTRIBUTIONS_MAX = 64,
    PARTS_PER_MILLION = 1000000,
    CONSENT_LAST = 4,
    METADATA_ENTRIES_MAX = 32,
    METADATA_KEY_LENGTH_MAX = 64,
    METADATA_VALUE_LENGTH_MAX = 512,
};
enum { VARINT = 0, LENGTH_DELIMITED = 2 };

/* What a body has shown so far. */
typedef struct sight {
    unsigned seen; /* a bit for each field that must not come twice */
    int64_t time_us;
    span model_id;
    size_t attributions, metadata_entries;
    uint64_t parts_per_million;
    span assets[ATTRIBUTIONS_MAX];
} sight;

static unsigned char allowed[256];

void usage_allow(const unsigned char *alphabet, size_t size)
{
    memset(allowed, 0, sizeof allowed);
    for (size_t at = 0; at < size; at++)
        allowed[alphabet[at]] = 1;
}

/* Fields that are quantities or times. */
static int is_number(uint64_t field)
{
    return field == EVENT_TIME_US || (field >= INPUT_TOKENS && field <= TOKENS);
}

static int is_id(span text, size_t length_max)
{
    unsigned good = 1, other = 1;
    size_t at = 0;
    /* Two sums, so that a look-up need not wait for the one before it. */
    for (; at + 2 <= text.size; at += 2) {
        good &= allowed[text.data[at]];
        other &= allowed[text.data[at + 1]];
    }
    if (at < text.size)
        good &= allowed[text.data[at]];
    return good & other && text.size <= length_max;
}

/* Free text of plain ASCII; what else may be printable is for the full check to say. */
static int is_plain_text(span text, size_t length_max)
{
    unsigned char good = 1;
    for (size_t at = 0; at < text.size; at++) {
        unsigned char byte = text.data[at];
        good &= (byte >= 0x20 && byte < 0x7f) || byte == '\n' || byte == '\t';
    }
    return good && text.size <= length_max;
}

/* Two capital letters. */
static int is_territory(span text)
{
    return text.size == 2 && text.data[0] >= 'A' && text.data[0] <= 'Z' && text.data[1] >= 'A' && text.data[1] <= 'Z';
}

static int read_span(const unsigned char **at, const unsigned char *end, span *value)
{
    uint64_t size;
    if (!read_varint(at, end, &size) || size > (uint64_t)(end - *at))
        return 0;
    *value = (span){*at, (size_t)size};
    *at += size;
    return 1;
}

/* Attribution { asset_id = 1, parts_per_million = 2 }: each at most once, no asset twice, shares of one whole. */
static int take_attribution(sight *sight, span message, size_t id_length_max)
{
    const unsigned char *at = message.data, *end = at + message.size;
    span asset = {NULL, 0};
    uint64_t share = 0, tag;
    unsigned seen = 0;
    while (at < end) {
        if (!read_varint(&at, end, &tag))
            return 0;
        if (tag == (1 << 3 | LENGTH_DELIMITED) && !(seen & 1)) {
            seen |= 1;
            if (!read_span(&at, end, &asset))
                return 0;
        } else if (tag == (2 << 3 | VARINT) && !(seen & 2)) {
            seen |= 2;
            if (!read_varint(&at, end, &share) || share > PARTS_PER_MILLION)
                return 0;
        } else {
            return 0;
        }
    }
    if (!asset.size || !is_id(asset, id_length_max) || sight->attributions == ATTRIBUTIONS_MAX)
        return 0;
    for (size_t other = 0; other < sight->attributions; other++)
        if (sight->assets[other].size == asset.size && !memcmp(sight->assets[other].data, asset.data, asset.size))
            return 0;
    sight->assets[sight->attributions++] = asset;
    sight->parts_per_million += share;
    return sight->parts_per_million <= PARTS_PER_MILLION;
}

/* Packed numbers of the enum Consent: known, and each at most once. */
static int take_consents(span numbers)
{
    const unsigned char *at = numbers.data, *end = at + numbers.size;
    unsigned seen = 0;
    uint64_t consent;
    while (at < end) {
        if (!read_varint(&at, end, &consent) || consent < 1 || consent > CONSENT_LAST || seen >> consent & 1)
            return 0;
        seen |= 1u << consent;
    }
    return 1;
}

/* A map entry { key = 1, value = 2 }. A key that comes again replaces its value: each of them has to be good. */
static int take_metadata(sight *sight, span message)
{
    const unsigned char *at = message.data, *end = at + message.size;
    span parts[2] = {{NULL, 0}, {NULL, 0}};
    unsigned seen = 0;
    while (at < end) {
        uint64_t tag;
        if (!read_varint(&at, end, &tag) || (tag != (1 << 3 | LENGTH_DELIMITED) && tag != (2 << 3 | LENGTH_DELIMITED)))
            return 0;
        unsigned which = (unsigned)(tag >> 3) - 1;
        if (seen >> which & 1 || !read_span(&at, end, &parts[which]))
            return 0;
        seen |= 1u << which;
    }
    return parts[0].size && is_id(parts[0], METADATA_KEY_LENGTH_MAX) &&
           is_plain_text(parts[1], METADATA_VALUE_LENGTH_MAX) && sight->metadata_entries++ < METADATA_ENTRIES_MAX;
}

static int take_text(sight *sight, uint64_t field, span text, const usage_limits *limits, usage_event *event)
{
    if (field == ATTRIBUTIONS)
        return take_attribution(sight, text, limits->id_length_max);
    if (field == CONSENTS)
        return take_consents(text);
    if (field == METADATA)
        return take_metadata(sight, text);
    if (field == TERRITORY)
        return is_territory(text);
    if (field == EVENT_ID)
        event->event_id = text;
    else if (field == RECEIPT_REF)
        event->receipt_ref = text;
    else if (field == MODEL_ID)
        sight->model_id = text;
    else if (field == CONSUMER_ID && limits->pseudonyms_only && text.size && !is_pseudonym(text))
        return 0;
    return is_id(text, limits->id_length_max);
}

int usage_acceptable(span body, const usage_limits *limits, usage_event *event)
{
    const unsigned char *at = body.data, *end = at + body.size;
    sight sight;
    memset(&sight, 0, offsetof(struct sight, assets)); /* the assets count from none */
    memset(event, 0, sizeof *event);
    if (body.size > limits->event_size_max)
        return 0;
    while (at < end) {
        uint64_t tag;
        if (!read_varint(&at, end, &tag))
            return 0;
        uint64_t field = tag >> 3;
        if (field < EVENT_ID || field > NON_COMMERCIAL)
            return 0;
        if (field != ATTRIBUTIONS && field != METADATA) {
            if (sight.seen >> field & 1)
                return 0;
            sight.seen |= 1u << field;
        }
        if (is_number(field) || field == NON_COMMERCIAL) {
            uint64_t number;
            if ((tag & 7) != VARINT || !read_varint(&at, end, &number))
                return 0;
            if (field == EVENT_TIME_US)
                sight.time_us = (int64_t)number;
            else if (field == NON_COMMERCIAL ? number > 1 : (int64_t)number > limits->quantity_max)
                return 0;
            continue;
        }
        span text;
        if ((tag & 7) != LENGTH_DELIMITED || !read_span(&at, end, &text) ||
            !take_text(&sight, field, text, limits, event))
            return 0;
    }
    return event->event_id.size && sight.model_id.size && sight.time_us >= limits->first_us &&
           sight.time_us <= limits->last_us;
}

int usage_part(span body, unsigned char *reference, usage_own *own)
{
    const unsigned char *at = body.data, *end = at + body.size;
    unsigned seen = 0;
    *own = (usage_own){0, 0, 0};
    while (at < end) {
        const unsigned char *begin = at;
        uint64_t tag, number;
        span text;
        if (!read_varint(&at, end, &tag))
            return 0;
        uint64_t field = tag >> 3;
        if (field < EVENT_ID || field > NON_COMMERCIAL)
            return 0;
        if (is_number(field)) {
            /* Three numbers below 2^60 add up to one below 2^62. */
            if ((tag & 7) != VARINT || !read_varint(&at, end, &number) || number >> 60 || seen >> field & 1)
                return 0;
            seen |= 1u << field;
            if (field == EVENT_TIME_US)
                own->time_us = (int64_t)number;
            else
                own->tokens += number;
            continue;
        }
        if (field == NON_COMMERCIAL ? (tag & 7) != VARINT || !read_varint(&at, end, &number)
                                    : (tag & 7) != LENGTH_DELIMITED || !read_span(&at, end, &text))
            return 0;
        if (field == EVENT_ID || field == CONSUMER_ID || field == METADATA)
            continue;
        memcpy(reference + own->reference_size, begin, (size_t)(at - begin));
        own->reference_size += (size_t)(at - begin);
    }
    return 1;
}
