/**
 * Finds the fields of an event in its bytes, without making objects of them: what an expert of Kafka Streams or Flink writes when the parser is the bottleneck.
 * Shared by the tuned jobs of both. Make it faster: an event is one flat JSON object without white space, written by bench/harness/input.ts.
 *
 * It stops as soon as it has what was asked for, so it never looks at the padding behind: less than the contenders do that check the whole value.
 */
public final class EventScanner {
    public static final int TYPE = 1, ITEM = 2, PRICE = 4, AT = 8;

    public int typeStart, typeEnd, itemStart, itemEnd, priceStart, priceEnd, atStart, atEnd;
    private final int wanted;

    /** @param wanted the sum of the fields to find */
    public EventScanner(int wanted) {
        this.wanted = wanted;
    }

    public void scan(byte[] json) {
        int found = 0;
        int at = 1;
        while (json[at] == '"') {
            int name = at + 1;
            int value = name;
            while (json[value] != '"') value++;
            int nameLength = value - name;
            value += 2;
            int start = value, end;
            if (json[value] == '"') {
                start = value + 1;
                end = endOfString(json, start);
                at = end + 1;
            } else {
                end = value;
                while (json[end] != ',' && json[end] != '}') end++;
                at = end;
            }
            switch (json[name]) {
                case 't': typeStart = start; typeEnd = end; found |= TYPE; break;
                case 'i': itemStart = start; itemEnd = end; found |= ITEM; break;
                case 'p': priceStart = start; priceEnd = end; found |= PRICE; break;
                case 'a': if (nameLength == 2) { atStart = start; atEnd = end; found |= AT; } break;
                default: break;
            }
            if ((found & wanted) == wanted) return;
            if (json[at] == ',') at++;
        }
        throw new IllegalArgumentException("an event lacks a field: " + new String(json));
    }

    /** Only views begin with this letter. */
    public boolean isView(byte[] json) {
        return json[typeStart] == 'v';
    }

    private static int endOfString(byte[] json, int from) {
        int at = from;
        while (json[at] != '"') at += json[at] == '\\' ? 2 : 1;
        return at;
    }
}
