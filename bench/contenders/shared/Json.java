/** Writes the rows of both jobs as bytes, for the tuned contenders. */
public final class Json {
    private static final byte[] ITEM = "{\"item\":\"".getBytes(), PRICE = "\",\"price\":".getBytes(), AT = ",\"at\":".getBytes();
    private static final byte[] FROM = "\",\"from\":".getBytes(), COUNT = ",\"count\":".getBytes();
    private static final byte[] SHOPPER = "{\"shopper\":\"".getBytes(), TIER = "\",\"tier\":\"".getBytes();
    /** Where the tier begins in a row of the table, {"shopper":"…","tier":"…",…}, without the shopper. */
    private static final int TIER_AT = SHOPPER.length + TIER.length;

    private Json() {}

    /** The row of the first job, its fields copied from the event as they are. */
    public static byte[] order(byte[] json, EventScanner event) {
        int length = ITEM.length + PRICE.length + AT.length + 1
            + event.itemEnd - event.itemStart + event.priceEnd - event.priceStart + event.atEnd - event.atStart;
        byte[] row = new byte[length];
        int at = copy(ITEM, 0, ITEM.length, row, 0);
        at = copy(json, event.itemStart, event.itemEnd, row, at);
        at = copy(PRICE, 0, PRICE.length, row, at);
        at = copy(json, event.priceStart, event.priceEnd, row, at);
        at = copy(AT, 0, AT.length, row, at);
        at = copy(json, event.atStart, event.atEnd, row, at);
        row[at] = '}';
        return row;
    }

    /** The row of the second job. */
    public static byte[] count(byte[] item, long from, long count) {
        byte[] start = Long.toString(from).getBytes();
        byte[] number = Long.toString(count).getBytes();
        byte[] row = new byte[ITEM.length + item.length + FROM.length + start.length + COUNT.length + number.length + 1];
        int at = copy(ITEM, 0, ITEM.length, row, 0);
        at = copy(item, 0, item.length, row, at);
        at = copy(FROM, 0, FROM.length, row, at);
        at = copy(start, 0, start.length, row, at);
        at = copy(COUNT, 0, COUNT.length, row, at);
        at = copy(number, 0, number.length, row, at);
        row[at] = '}';
        return row;
    }

    /** The row of the third job. */
    public static byte[] session(byte[] shopper, long from, long to, long count) {
        return ("{\"shopper\":\"" + new String(shopper, java.nio.charset.StandardCharsets.ISO_8859_1) + "\",\"from\":" + from + ",\"to\":" + to + ",\"count\":" + count + "}").getBytes(java.nio.charset.StandardCharsets.ISO_8859_1);
    }

    /** The row of the fourth job: {"shopper","tier"} of the table's row and {"item","price","at"} of the event, their fields copied as they are. */
    public static byte[] joined(byte[] shopper, byte[] table, byte[] json, EventScanner event) {
        int tierStart = TIER_AT + shopper.length, tierEnd = tierStart;
        while (table[tierEnd] != '"') tierEnd++;
        byte[] order = order(json, event);
        byte[] row = new byte[SHOPPER.length + shopper.length + TIER.length + tierEnd - tierStart + 2 + order.length - 1];
        int at = copy(SHOPPER, 0, SHOPPER.length, row, 0);
        at = copy(shopper, 0, shopper.length, row, at);
        at = copy(TIER, 0, TIER.length, row, at);
        at = copy(table, tierStart, tierEnd, row, at);
        row[at++] = '"';
        row[at++] = ',';
        copy(order, 1, order.length, row, at);
        return row;
    }

    private static int copy(byte[] from, int start, int end, byte[] to, int at) {
        System.arraycopy(from, start, to, at, end - start);
        return at + end - start;
    }
}
