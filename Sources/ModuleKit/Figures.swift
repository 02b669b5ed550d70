import ByteKit
import ModuleABI

/// A number that a module tells about itself; see apus/figures.h.
public struct Figure {
    /// Small letters, digits and underscores, with its unit.
    public let name: String
    /// One sentence.
    public let help: String
    /// Whether it only goes up.
    public let isCounter: Bool
    /// What tells figures of one name apart.
    public let label: (name: String, value: String)?
    /// How much it is.
    public let value: Double

    /// A figure that goes up and down.
    public static func gauge(_ name: String, _ help: String, _ value: Double, label: (name: String, value: String)? = nil) -> Figure {
        Figure(name: name, help: help, isCounter: false, label: label, value: value)
    }

    /// A figure that only goes up; its name ends in "_total".
    public static func counter(_ name: String, _ help: String, _ value: Double, label: (name: String, value: String)? = nil) -> Figure {
        Figure(name: name, help: help, isCounter: true, label: label, value: value)
    }
}

extension Host {
    /// Offers figures: `body` makes them, those of one name in a row, whenever somebody wants to show them.
    public func provideFigures(_ name: StaticString, _ body: @escaping () -> [Figure]) throws {
        let table = apus_figures_v1(
            size: UInt32(MemoryLayout<apus_figures_v1>.size), flags: 0,
            each: { ctx, tell, arg in
                guard let ctx, let tell else { return }
                for figure in Unmanaged<FigureMaker>.fromOpaque(ctx).takeUnretainedValue().body() { figure.tell(tell, arg) }
            })
        try provide(APUS_GROUP_FIGURES, name, table, context: FigureMaker(body))
    }

    /// The figures of all modules, by the name of the module.
    public func figures() -> [(module: String, figures: [Figure])] {
        let found = FigureList()
        providerTable.pointee.each(
            raw, APUS_GROUP_FIGURES,
            { arg, _, module, vtable, ctx in
                guard let arg, let table = vtable?.assumingMemoryBound(to: apus_figures_v1.self) else { return }
                let list = Unmanaged<FigureList>.fromOpaque(arg).takeUnretainedValue()
                list.modules.append((module.string, []))
                table.pointee.each(ctx, { arg, figure in
                    guard let arg, let figure else { return }
                    let list = Unmanaged<FigureList>.fromOpaque(arg).takeUnretainedValue()
                    list.modules[list.modules.count - 1].figures.append(Figure(figure.pointee))
                }, arg)
            },
            Unmanaged.passUnretained(found).toOpaque())
        return found.modules
    }
}

private final class FigureMaker {
    let body: () -> [Figure]
    init(_ body: @escaping () -> [Figure]) { self.body = body }
}

private final class FigureList {
    var modules: [(module: String, figures: [Figure])] = []
}

extension Figure {
    fileprivate init(_ raw: apus_figure) {
        name = raw.name.string
        help = raw.help.string
        isCounter = raw.kind == APUS_FIGURE_COUNTER
        label = raw.label.isEmpty ? nil : (raw.label.string, raw.label_value.string)
        value = raw.value
    }

    fileprivate func tell(
        _ tell: @convention(c) (UnsafeMutableRawPointer?, UnsafePointer<apus_figure>?) -> Void, _ arg: UnsafeMutableRawPointer?
    ) {
        let texts = [name, help, label?.name ?? "", label?.value ?? ""].map { Array($0.utf8) }
        func bytes(_ index: Int, _ body: (Bytes) -> Void) { texts[index].withUnsafeBytes { body(Bytes($0)) } }
        bytes(0) { name in
            bytes(1) { help in
                bytes(2) { label in
                    bytes(3) { labelValue in
                        var figure = apus_figure(
                            size: UInt32(MemoryLayout<apus_figure>.size), kind: isCounter ? APUS_FIGURE_COUNTER : APUS_FIGURE_GAUGE,
                            name: name, help: help, label: label, label_value: labelValue, value: value)
                        tell(arg, &figure)
                    }
                }
            }
        }
    }
}
