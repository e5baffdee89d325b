import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.function.Consumer;

/**
 * The Nexmark queries as plain loops over all events, which are taken first persons, then auctions, then bids. Rows are maps of the fields that `FIELDS` names.
 *
 * Those with `KEYS` are written again as they change: the last row of a key is its result. Ids from 900,000,000 up only move event time: they are left out.
 */
final class Nexmark {
    static final Map<String, String[]> FIELDS = Map.ofEntries(
        row("q0", "auction", "bidder", "price", "at"), row("q1", "auction", "bidder", "price", "at"), row("q2", "auction", "price", "at"), row("q3", "name", "city", "state", "auction", "at"),
        row("q7", "auction", "bidder", "price", "at", "from"), row("q8", "id", "name", "from"), row("q11", "bidder", "count", "from", "to"),
        row("q17", "auction", "from", "total", "lowest", "highest", "sum"), row("q18", "bidder", "auction", "price", "at"), row("q20", "auction", "bidder", "price", "at", "seller"),
        row("q22", "auction", "bidder", "price", "at", "one", "two", "three"));
    static final Map<String, String[]> KEYS = Map.of("q17", new String[] {"auction", "from"}, "q18", new String[] {"bidder", "auction"});
    private static final long CLOSING_ID = 900_000_000L, WINDOW = 10_000, DAY = 86_400_000;

    private final String query;
    private final Map<Object, Map<String, Object>> persons = new HashMap<>(), auctions = new HashMap<>();
    private final Map<Object, TreeMap<Long, List<Map<String, Object>>>> grouped = new HashMap<>();

    Nexmark(String query) { this.query = query; }

    private static Map.Entry<String, String[]> row(String query, String... fields) { return Map.entry(query, fields); }

    static String text(Map<String, Object> row, String[] fields) {
        StringBuilder text = new StringBuilder();
        for (String field : fields) text.append(row.get(field)).append(' ');
        return text.toString();
    }

    static boolean isClosing(Map<String, Object> row) {
        for (String id : new String[] {"auction", "bidder", "id"}) if (row.get(id) instanceof Long && (Long) row.get(id) >= CLOSING_ID) return true;
        return false;
    }

    private static Map<String, Object> of(Map<String, Object> event, Object... more) {
        Map<String, Object> row = new HashMap<>(event);
        for (int i = 0; i < more.length; i += 2) row.put((String) more[i], more[i + 1]);
        return row;
    }

    private static long from(Map<String, Object> event, long size) { return (Long) event.get("at") - Math.floorMod((Long) event.get("at"), size); }

    void person(Map<String, Object> person) { if (!isClosing(person)) persons.put(person.get("id"), person); }

    void auction(Map<String, Object> auction, Consumer<Map<String, Object>> out) {
        if (isClosing(auction)) return;
        auctions.put(auction.get("id"), auction);
        Map<String, Object> seller = persons.get(auction.get("seller"));
        if (query.equals("q3") && seller != null && auction.get("category").equals(10L) && Set.of("OR", "ID", "CA").contains(seller.get("state")))
            out.accept(of(seller, "auction", auction.get("id"), "at", auction.get("at")));
        // The first of a seller in a window stands for all.
        if (query.equals("q8") && seller != null && from(seller, WINDOW) == from(auction, WINDOW) && grouped.putIfAbsent(seller.get("id"), new TreeMap<>()) == null) out.accept(of(seller, "from", from(seller, WINDOW)));
    }

    void bid(Map<String, Object> bid, Consumer<Map<String, Object>> out) {
        if (isClosing(bid)) return;
        switch (query) {
            case "q0": out.accept(bid); break;
            case "q1": out.accept(of(bid, "price", (Long) bid.get("price") * 908)); break;
            case "q2": if ((Long) bid.get("auction") % 123 == 0) out.accept(bid); break;
            case "q7": keep("", from(bid, WINDOW), bid); break;
            case "q11": keep(bid.get("bidder"), (Long) bid.get("at"), bid); break;
            case "q17": keep(bid.get("auction"), from(bid, DAY), bid); break;
            case "q18": keep(bid.get("bidder") + "/" + bid.get("auction"), (Long) bid.get("at"), bid); break;
            case "q20":
                Map<String, Object> auction = auctions.get(bid.get("auction"));
                if (auction != null && auction.get("category").equals(10L)) out.accept(of(bid, "seller", auction.get("seller")));
                break;
            case "q22":
                String[] parts = ((String) bid.get("url")).split("/");
                out.accept(of(bid, "one", parts[3], "two", parts[4], "three", parts[5]));
                break;
            default: break;
        }
    }

    private void keep(Object key, long time, Map<String, Object> bid) { grouped.computeIfAbsent(key, k -> new TreeMap<>()).computeIfAbsent(time, t -> new ArrayList<>()).add(bid); }

    /** What is known only at the end. */
    void end(Consumer<Map<String, Object>> out) {
        Comparator<Map<String, Object>> byPrice = Comparator.comparing(bid -> (Long) bid.get("price"));
        for (Map.Entry<Object, TreeMap<Long, List<Map<String, Object>>>> entry : grouped.entrySet()) {
            if (query.equals("q7") || query.equals("q17")) entry.getValue().forEach((from, bids) -> {
                long highest = (Long) bids.stream().max(byPrice).get().get("price");
                if (query.equals("q7")) bids.stream().filter(bid -> (Long) bid.get("price") == highest).forEach(bid -> out.accept(of(bid, "from", from)));
                else out.accept(Map.of("auction", entry.getKey(), "from", from, "total", (long) bids.size(), "lowest", bids.stream().min(byPrice).get().get("price"), "highest", highest,
                    "sum", bids.stream().mapToLong(bid -> (Long) bid.get("price")).sum()));
            });
            if (query.equals("q18")) out.accept(entry.getValue().lastEntry().getValue().stream().max(byPrice).get());
            if (query.equals("q11")) sessions(entry.getKey(), entry.getValue(), out);
        }
    }

    private static void sessions(Object bidder, TreeMap<Long, List<Map<String, Object>>> byTime, Consumer<Map<String, Object>> out) {
        long first = byTime.firstKey(), last = first, count = 0;
        for (Map.Entry<Long, List<Map<String, Object>>> at : byTime.entrySet()) {
            if (at.getKey() - last > WINDOW) {
                out.accept(Map.of("bidder", bidder, "count", count, "from", first, "to", last));
                first = at.getKey();
                count = 0;
            }
            last = at.getKey();
            count += at.getValue().size();
        }
        out.accept(Map.of("bidder", bidder, "count", count, "from", first, "to", last));
    }
}
