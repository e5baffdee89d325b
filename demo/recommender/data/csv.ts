/** The fields of one line of CSV (RFC 4180, without line breaks in fields); `undefined` where a quote does not close. */
export function csvFields(line: string): string[] | undefined {
  const fields: string[] = []
  let place = 0
  for (;;) {
    if (line[place] === '"') {
      let text = ''
      place += 1
      for (;;) {
        const end = line.indexOf('"', place)
        if (end < 0) return undefined
        text += line.slice(place, end)
        place = end + 1
        if (line[place] !== '"') break
        text += '"'
        place += 1
      }
      if (place < line.length && line[place] !== ',') return undefined
      fields.push(text)
    } else {
      const comma = line.indexOf(',', place)
      const end = comma < 0 ? line.length : comma
      fields.push(line.slice(place, end))
      place = end
    }
    if (place >= line.length) return fields
    place += 1
    if (place === line.length) return [...fields, '']
  }
}
