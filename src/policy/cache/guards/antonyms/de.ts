// Pairs of opposites in German; ../antonyms.ts tells how a line is written.
export const DE = `hart hartes harte|weich weiches weiche
kurz kurze kurzen kurzer kurzes|lang langen langer langes
zusage zusagen annahme annehmen akzept*|absage absagen ablehnung ablehn*
genehmigt* bewilligt*|abgelehnt* verweigert*
ausdehn* ausgedehnt expandier*|zusammenzieh* schrumpf*
aufhör* aufgehört|anfang* angefang* begonnen
arm arme armen|reich reiche reichen reichlich
erwachsene* |kind kinder kindern baby jugendlich*
einstell* |entlass*
ledig|verheiratet
vegetarisch* vegan*|fleisch
rekursion rekursiv*|iteration iterativ*
lokal lokale lokalen|entfernt* remote
online|offline laden
gebraucht* |neuwertig
sitzen sitze sitzend|stehen stehe stehend liegen liege
betreten|verlassen
einatmen|ausatmen
einzahl singular|mehrzahl plural
aktiv|passiv
angebot|nachfrage
gewinn gewinne|verlust verluste
einnahmen einkommen|ausgaben kosten
brutto|netto
leihen verleihen|ausleihen
vermieter*|mieter mieterin mietern
käufer|verkäufer
kläger|beklagte*
schuldig|unschuldig
sichtbar anzeigen einblenden|unsichtbar ausblenden verstecken
abonnieren|abbestellen
zunehmen|abnehmen
süß|sauer bitter salzig
dick dicke|dünn dünne
breit breite|schmal schmale
laut lauter|leise leiser
hell|dunkel
frisch* |gefroren* getrocknet*
roh rohe|gekocht* gegart*
teilzeit|vollzeit
befristet* |unbefristet*
freiwillig|verpflichtend pflicht
formell höflich*|informell unhöflich*
ankunft ankommen|abfahrt abflug abfahren
hin|zurück
stark starke|schwach schwache
gesund|ungesund krank
krank|gesund
gerade|ungerade
innen|außen
nord|süd
ja|nein
einpacken|auspacken
ein|aus
anziehen|ausziehen
import|export
niedrig* |hoch hohe hohen hoher
steigen steigt|fallen fällt sinken sinkt
legal erlaubt|illegal verboten
männer mann|frauen frau
junge|mädchen
heiraten|scheiden
akut|chronisch
durchfall|verstopfung
unterzucker*|überzucker*
geburt|tod`;
