import ModuleKit

/// Carries out the directives.
struct FieldDesk {
    let host: Host

    func run(_ changes: PoolArray<FieldChange>, on fields: HeaderFields, _ request: Request, isEarly: Bool) {
        for change in changes.elements where change.isEarly == isEarly && holds(change.condition, request) {
            make(change, on: fields, request)
        }
    }

    private func holds(_ condition: Condition, _ request: Request) -> Bool {
        switch condition {
        case .always, .early: true
        case .environment(let name, let isNegated): (request.environment[name] == nil) == isNegated
        // As in httpd, a condition that fails is as good as none; the log has the reason.
        case .expression(let expression): expression.test(request) ?? true
        }
    }

    private func make(_ change: FieldChange, on fields: HeaderFields, _ request: Request) {
        if change.field.equalsIgnoringCase("Content-Type"), !fields.areOfRequest {
            return ContentTypeChange(desk: self, request: request).make(change)
        }
        switch change.action {
        case .add: put(change, request) { fields.add(change.field, $0) }
        case .append: put(change, request) { fields.merge(change.field, $0) }
        case .merge: put(change, request) { merge(change.field, $0, into: fields) }
        case .set: put(change, request) { fields.replace(change.field, $0) }
        case .setIfEmpty:
            if fields[change.field] == nil { put(change, request) { fields.replace(change.field, $0) } }
        case .unset: fields[change.field] = nil
        case .echo(let pattern): echo(pattern, from: request.headersIn, to: fields)
        case .edit(let pattern, let everywhere): edit(change, pattern, everywhere, fields, request)
        case .note:
            guard let name = change.value.text(request, host), let value = fields[change.field] else { return }
            request.notes[name] = value
        }
    }

    /// Makes the value and hands it on; one that no field may have is left out, and the log says so.
    func put(_ change: FieldChange, _ request: Request, _ body: (Bytes) -> Bool) {
        guard let value = change.value.text(request, host), !body(value) else { return }
        host.log.write(
            .error, code: "AH02430", request: request,
            "the field \(change.field.string) is left out: \"\(value.string)\" holds bytes that would end it")
    }

    /// Appends the value unless it is one of the list already.
    private func merge(_ name: Bytes, _ value: Bytes, into fields: HeaderFields) -> Bool {
        guard let list = fields[name] else { return fields.add(name, value) }
        return list.hasElement(value) ? true : fields.merge(name, value)
    }

    private func echo(_ pattern: Pattern, from source: HeaderFields, to fields: HeaderFields) {
        for index in 0..<source.count {
            guard let field = source.at(index), pattern.matches(field.name) else { continue }
            _ = fields.add(field.name, field.value)
        }
    }

    private func edit(
        _ change: FieldChange, _ pattern: Pattern, _ everywhere: Bool, _ fields: HeaderFields, _ request: Request
    ) {
        var values = PoolArray<Bytes>()
        while let value = fields.value(change.field, values.count) { values.append(value, in: request.pool) }
        guard !values.isEmpty else { return }
        fields[change.field] = nil
        for value in values.elements {
            let edited = self.edited(value, change, pattern, everywhere, request)
            if !fields.add(change.field, edited) { _ = fields.add(change.field, value) }
        }
    }

    /// The value with what matches replaced.
    func edited(_ value: Bytes, _ change: FieldChange, _ pattern: Pattern, _ everywhere: Bool, _ request: Request) -> Bytes {
        var rest = value
        var done = Bytes.none
        while let next = replaceFirst(of: rest, change, pattern, request) {
            done = request.pool.join(done, next.before)
            rest = next.after
            guard everywhere, !rest.isEmpty else { break }
            // Nothing at all has matched: what stands there is passed over, or it would match for ever.
            guard next.isEmpty else { continue }
            done = request.pool.join(done, rest.upTo(1))
            rest = rest.from(1)
        }
        return done.isSet ? request.pool.join(done, rest) : value
    }

    private func replaceFirst(
        of text: Bytes, _ change: FieldChange, _ pattern: Pattern, _ request: Request
    ) -> (before: Bytes, after: Bytes, isEmpty: Bool)? {
        withUnsafeTemporaryAllocation(of: Int64.self, capacity: 20) { spans in
            guard pattern.match(text, spans: spans), let template = change.value.text(request, host) else { return nil }
            let replacement = Pattern.fill(template, from: text, spans: spans, in: request.pool)
            return (
                before: request.pool.join(text.upTo(Int(spans[0])), replacement), after: text.from(Int(spans[1])),
                isEmpty: spans[0] == spans[1]
            )
        }
    }
}

/// The media type is no field until the answer is sent: the server keeps it apart.
private struct ContentTypeChange {
    let desk: FieldDesk
    let request: Request

    func make(_ change: FieldChange) {
        switch change.action {
        case .set, .setIfEmpty: set(change)
        case .add, .append, .merge: if request.contentType.isEmpty { set(change) }
        case .unset: request.contentType = Bytes("")
        case .edit(let pattern, let everywhere):
            guard !request.contentType.isEmpty else { return }
            request.contentType = desk.edited(request.contentType, change, pattern, everywhere, request)
        case .echo: break
        case .note:
            if let name = change.value.text(request, desk.host), !request.contentType.isEmpty { request.notes[name] = request.contentType }
        }
    }

    private func set(_ change: FieldChange) {
        desk.put(change, request) { value in
            request.contentType = value
            return request.contentType == value
        }
    }
}

extension Pool {
    fileprivate func join(_ first: Bytes, _ second: Bytes) -> Bytes {
        compose(capacity: first.count + second.count) {
            $0.append(first)
            $0.append(second)
        }
    }
}

extension Bytes {
    /// Whether the comma-separated list has this element; commas in quotation marks separate nothing.
    fileprivate func hasElement(_ element: Bytes) -> Bool {
        var start = 0
        var isQuoted = false
        for index in 0...count {
            if index < count, self[index] == UInt8(ascii: "\"") { isQuoted.toggle() }
            guard index == count || self[index] == UInt8(ascii: ",") && !isQuoted else { continue }
            if self[start..<index].trimmed == element { return true }
            start = index + 1
        }
        return false
    }
}
