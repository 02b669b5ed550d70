/// The page that draws what `?json` tells, once a second. It needs nothing from elsewhere, and puts text into the page as text.
enum LivePage {
    static let markup = """
        <!DOCTYPE html>
        <html lang="en"><head><meta charset="utf-8"><title>Server status</title>
        <meta name="viewport" content="width=device-width, initial-scale=1">
        <style>\(style)</style></head><body>
        <header><h1 id="name">…</h1><p id="about"></p><p id="state" role="status">connecting</p></header>
        <main>
        <section class="cards" id="cards"></section>
        <section class="wide"><h2>Requests a second</h2><svg id="rate" viewBox="0 0 600 120" preserveAspectRatio="none" role="img" aria-label="Requests a second over the last two minutes"></svg><div class="legend" id="codes"></div></section>
        <section class="wide"><h2>How long they take</h2><div class="bars" id="times"></div></section>
        <section class="wide"><h2>Workers</h2><div id="workers" class="workers"></div></section>
        <section class="wide"><h2>Virtual hosts</h2><table id="hosts"></table></section>
        <section class="wide span" id="parts" hidden><h2>Where the loops&rsquo; time goes</h2><table id="modules"></table><p class="note">Time, calls and memory are estimates from a sample of the work. The bars show the last minute; the numbers, this generation.</p></section>
        <section class="wide" id="requests"><h2>Requests</h2><table id="jobs"></table></section>
        <section class="wide" id="more" hidden><h2>What modules tell</h2><table id="figures"></table></section>
        </main>
        <noscript><p>This page needs JavaScript; <a href="?">the plain page</a> does not.</p></noscript>
        <script>\(script)</script></body></html>

        """

    private static let style = """
        :root{--ink:#1d2733;--soft:#66758a;--paper:#f4f6f9;--card:#fff;--line:#e1e7ee;--ok:#2f9e6e;--more:#3b82c4;--warn:#d98a1f;--bad:#cf4a4a}
        @media(prefers-color-scheme:dark){:root{--ink:#e6ebf2;--soft:#92a0b5;--paper:#12171e;--card:#1b222c;--line:#2a3442}}
        *{box-sizing:border-box}body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.45 system-ui,sans-serif}
        header{display:flex;flex-wrap:wrap;gap:.3rem 1.2rem;align-items:baseline;padding:1.2rem clamp(1rem,4vw,3rem) .4rem}
        h1{font-size:1.5rem;margin:0}header p{margin:0;color:var(--soft)}#state{margin-left:auto}#state.off{color:var(--bad);font-weight:600}
        main{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,34rem),1fr));gap:1rem;padding:1rem clamp(1rem,4vw,3rem) 3rem}
        section{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:1rem 1.2rem;min-width:0;overflow-x:auto}
        .cards{grid-column:1/-1;display:grid;grid-template-columns:repeat(auto-fit,minmax(8.2rem,1fr));gap:1rem;padding:0;border:0;background:none}
        .card{background:var(--card);border:1px solid var(--line);border-radius:12px;padding:.8rem 1rem}
        .card b{display:block;font-size:1.5rem;white-space:nowrap;font-weight:650;font-variant-numeric:tabular-nums}.card span{color:var(--soft);font-size:.85rem}
        h2{font-size:.8rem;letter-spacing:.06em;text-transform:uppercase;color:var(--soft);margin:0 0 .7rem}
        svg{width:100%;height:120px;display:block}.legend{display:flex;flex-wrap:wrap;gap:1rem;margin-top:.5rem;color:var(--soft);font-size:.85rem}
        .legend i,.dot{display:inline-block;width:.65rem;height:.65rem;border-radius:3px;margin-right:.4rem}
        .bars{display:grid;grid-template-columns:5rem 1fr 5rem;gap:.25rem .8rem;align-items:center;font-variant-numeric:tabular-nums;font-size:.85rem}
        .bars div{background:var(--line);border-radius:4px;height:.8rem;overflow:hidden}.bars div i{display:block;height:100%;background:var(--more)}
        .bars span:nth-child(3n){color:var(--soft);text-align:right}
        .workers{display:grid;grid-template-columns:repeat(auto-fill,minmax(11rem,1fr));gap:.7rem}
        .worker{border:1px solid var(--line);border-radius:8px;padding:.5rem .7rem;font-size:.85rem;color:var(--soft)}.worker b{color:var(--ink)}
        .worker.busy{border-color:var(--ok)}
        table{border-collapse:collapse;width:100%;font-size:.88rem;font-variant-numeric:tabular-nums}th{text-align:left;color:var(--soft);font-weight:500}
        th,td{padding:.28rem .7rem .28rem 0;border-bottom:1px solid var(--line);white-space:nowrap}td.n,th.n{text-align:right}
        .span,#requests:has(+[hidden]){grid-column:1/-1}.note{margin:.7rem 0 0;color:var(--soft);font-size:.8rem}td.none{color:var(--line)}td.bad{color:var(--bad);font-weight:600}td.late{color:var(--warn);font-weight:600}
        .share{display:flex;align-items:center;gap:.6rem}.share b{flex:1;min-width:6rem;height:.6rem;border-radius:4px;background:var(--line);overflow:hidden}
        .share i{display:block;height:100%;background:var(--more)}.share.own i{background:var(--soft)}.share span{min-width:3.4rem;text-align:right}
        td.long{white-space:normal;overflow-wrap:anywhere;max-width:32rem}td.text{white-space:normal}tr:last-child td{border-bottom:0}
        """

    private static let script = """
        "use strict";
        const $=id=>document.getElementById(id), kinds=["1xx","2xx","3xx","4xx","5xx"], colours=["--soft","--ok","--more","--warn","--bad"];
        const node=(name,text,cls)=>{const e=document.createElement(name);if(text!==undefined)e.textContent=text;if(cls)e.className=cls;return e};
        const fill=(e,children)=>e.replaceChildren(...children);
        const number=n=>n>=1e6?(n/1e6).toFixed(1)+"M":n>=1e4?(n/1e3).toFixed(1)+"k":n>=100||Number.isInteger(n)?Math.round(n).toLocaleString("en"):n.toFixed(1);
        const bytes=n=>{for(const u of["B","kB","MB","GB"]){if(n<1000)return(n<10&&u!="B"?n.toFixed(1):Math.round(n))+" "+u;n/=1000}return n.toFixed(1)+" TB"};
        const time=s=>s<1e-6?Math.round(s*1e9)+" ns":s<1e-5?(s*1e6).toFixed(1)+" µs":s<1e-3?Math.round(s*1e6)+" µs":s<1?+(s*1e3).toPrecision(2)+" ms":+s.toPrecision(2)+" s";
        const span=s=>{const d=Math.floor(s/86400),h=Math.floor(s/3600)%24,m=Math.floor(s/60)%60;return d?`${d} d ${h} h`:h?`${h} h ${m} min`:m?`${m} min ${s%60} s`:`${s} s`};
        const sum=a=>a.reduce((x,y)=>x+y,0), history=[], hosts=new Map();let last;
        function table(e,head,rows){const row=(cells,tag)=>{const r=node("tr");cells.forEach((c,i)=>r.append(node(tag,c,head[i][1])));return r};
          fill(e,[row(head.map(h=>h[0]),"th"),...rows.map(r=>row(r,"td"))])}
        function quantile(counts,bounds,q){const all=sum(counts);if(!all)return null;let seen=0;
          for(let i=0;i<counts.length;i++){seen+=counts[i];if(seen>=all*q)return i<bounds.length?bounds[i]:Infinity}return null}
        function chart(){const most=Math.max(1,...history.map(h=>sum(h))),w=600/119,svg=$("rate"),parts=[];
          history.forEach((h,i)=>{let y=120;const x=600-(history.length-i)*w;
            h.forEach((v,k)=>{if(!v)return;const high=v/most*112;y-=high;const r=document.createElementNS("http://www.w3.org/2000/svg","rect");
              r.setAttribute("x",x);r.setAttribute("y",y);r.setAttribute("width",w*.82);r.setAttribute("height",high);r.style.fill=`var(${colours[k]})`;parts.push(r)})});
          fill(svg,parts)}
        const past=[];
        function modules(now){
          const {columns,rows}=now.modules;$("parts").hidden=!rows.length;if(!rows.length)return;
          const at=name=>columns.indexOf("module_"+name+"_total")+1, value=(r,name)=>at(name)?r[at(name)]:0, loop=r=>value(r,"loop_seconds");
          if(!last||last.generation!==now.generation)past.length=0;
          past.push(new Map(rows.map(r=>[r[0],loop(r)])));if(past.length>60)past.shift();
          const lately=r=>past.length>1?Math.max(0,loop(r)-(past[0].get(r[0])||0)):loop(r), all=sum(rows.map(lately))||1;
          const cell=(v,show=number,cls="n")=>node("td",v?show(v):"–",v?cls:"n none"), times=(t,n)=>cell(n,()=>`${time(t)} in ${number(n)}`);
          const head=node("tr");[["Module"],["Lately"],["Loop","n"],["A call","n"],["Calls","n"],["Memory","n"],["Threads","n"],["Suspended","n"],["Held the loop","n"],["Errors","n"],["Crashes","n"]]
            .forEach(h=>head.append(node("th",...h)));
          const shown=rows.map(r=>({r,share:lately(r)/all})).sort((a,b)=>b.share-a.share||loop(b.r)-loop(a.r));
          fill($("modules"),[head,...shown.map(({r,share})=>{
            const row=node("tr"), first=node("td"), bar=node("div",undefined,"share"+(r[0]==="core_module"?" own":"")), track=node("b"), part=node("i");
            part.style.width=share*100+"%";track.append(part);bar.append(track,node("span",(share*100).toFixed(share<.0995?1:0)+" %"));first.append(bar);
            const calls=value(r,"calls"), held=times(value(r,"loop_hold_seconds"),value(r,"loop_holds"));if(value(r,"loop_holds"))held.className="n late";
            row.append(node("td",r[0]==="core_module"?"the server itself":r[0]),first,cell(loop(r),time),cell(calls&&r[0]!=="core_module"?loop(r)/calls:0,time),cell(calls),cell(value(r,"pool_bytes"),bytes),
              times(value(r,"thread_seconds"),value(r,"thread_calls")),cell(value(r,"suspensions")),held,cell(value(r,"errors"),number,"n bad"),cell(value(r,"crashes"),number,"n bad"));
            return row})])}
        function draw(now){
          const gap=last?Math.max(.2,(now.time-last.time)/1e6):0, per=(a,b)=>gap?Math.max(0,a-b)/gap:0;
          const before=last&&last.generation===now.generation?last:null, rates=kinds.map((_,i)=>before?per(now.classes[i],before.classes[i]):0);
          if(before){history.push(rates);if(history.length>119)history.shift()}
          const fresh=before?now.histogram.map((v,i)=>Math.max(0,v-before.histogram[i])):now.histogram, shown=sum(fresh)?fresh:now.histogram;
          document.title=$("name").textContent=now.name;
          $("about").textContent=`${now.software} · up ${span(now.uptime)} · generation ${now.generation}`+(now.failed_reloads?` · ${now.failed_reloads} failed reloads`:"");
          const within=(counts,q)=>{const v=quantile(counts,now.bounds,q);return v===null?"–":v===Infinity?">"+time(now.bounds.at(-1)):"≤ "+time(v)}, p=q=>within(shown,q);
          const cards=[["requests/s",number(sum(rates))],["sent/s",bytes(before?per(now.bytes,before.bytes):0)],["at work",number(now.busy)],["connections",number(now.connections)],
            ["half take",p(.5)],["99 % take",p(.99)],["processor",before?Math.round(per(now.cpu,before.cpu)/1e4)+" %":"–"],["requests",number(now.requests)]];
          fill($("cards"),cards.map(([label,value])=>{const c=node("div",undefined,"card");c.append(node("b",value),node("span",label));return c}));
          chart();
          fill($("codes"),kinds.map((k,i)=>{const s=node("span");const dot=node("i");dot.style.background=`var(${colours[i]})`;s.append(dot,`${k} ${number(rates[i])}/s, ${number(now.classes[i])} in all`);return s}));
          const most=Math.max(1,...shown);
          fill($("times"),shown.flatMap((v,i)=>{const bar=node("div"),part=node("i");part.style.width=v/most*100+"%";bar.append(part);
            return[node("span",i<now.bounds.length?"≤ "+time(now.bounds[i]):"longer"),bar,node("span",number(v))]}));
          fill($("workers"),now.workers.map(w=>{const b=node("div",undefined,"worker"+(w.busy?" busy":""));
            b.append(node("b",`#${w.slot} · pid ${w.pid}`),node("div",`${w.busy} at work, ${w.connections} connections`),node("div",`${number(w.requests)} requests`));return b}));
          const old=new Map(hosts);hosts.clear();now.hosts.forEach(h=>hosts.set(h.index,h));
          const rows=now.hosts.map(h=>({h,rate:before&&old.has(h.index)?per(h.requests,old.get(h.index).requests):0})).sort((a,b)=>b.rate-a.rate||b.h.requests-a.h.requests||a.h.index-b.h.index).slice(0,50);
          table($("hosts"),[["Host"],["req/s","n"],["Requests","n"],["4xx","n"],["5xx","n"],["Sent","n"],["Mean","n"],["99 %","n"]],
            rows.map(({h,rate})=>[h.port?`${h.name}:${h.port}`:h.name,number(rate),number(h.requests),number(h.classes[3]),number(h.classes[4]),bytes(h.bytes),h.requests?time(h.seconds/h.requests):"–",within(h.histogram,.99)]));
          modules(now);
          $("requests").hidden=!now.jobs.length;
          table($("jobs"),[["State"],["Client"],["Host"],["Request","long"],["Took","n"],["Sent","n"]],
            now.jobs.map(j=>[j.active?"at work":`${span(j.age)} ago`,j.client,j.host,j.line,time(j.took/1e6),bytes(j.bytes)]));
          $("more").hidden=!now.figures.length;
          table($("figures"),[["Module"],["Figure","text"],[""],["Value","n"]],now.figures.map(f=>[f.module,f.help,f.label,
            /expiry/.test(f.name)?new Date(f.value*1e3).toLocaleDateString("en",{dateStyle:"medium"}):typeof f.value=="number"?number(f.value):f.value]));
          last=now}
        async function turn(){const state=$("state");
          try{const answer=await fetch("?json",{cache:"no-store"});if(!answer.ok)throw new Error(answer.status);draw(await answer.json());state.textContent="live";state.className=""}
          catch(e){state.textContent="no answer ("+e.message+")";state.className="off"}
          setTimeout(turn,1000)}
        turn();
        """
}
